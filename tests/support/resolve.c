/* getaddrinfo() of the C library it is built with: the tests build it with musl. Prints one IPv4
 * address per line. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char** argv) {
  struct addrinfo hints, *list, *item;
  char text[INET_ADDRSTRLEN];

  if (argc != 2) {
    return 2;
  }
  memset(&hints, 0, sizeof(hints));
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(argv[1], NULL, &hints, &list) != 0) {
    return 1;
  }
  for (item = list; item; item = item->ai_next) {
    puts(inet_ntop(AF_INET, &((struct sockaddr_in*)item->ai_addr)->sin_addr, text, sizeof(text)));
  }
  freeaddrinfo(list);
  return 0;
}
