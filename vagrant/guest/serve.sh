#!/bin/bash
# A server that tells each client its own NAME and the address that the client came from.
# usage: serve.sh NAME PORT
exec socat "TCP4-LISTEN:$2,fork,reuseaddr" "SYSTEM:echo $1 \$SOCAT_PEERADDR"
