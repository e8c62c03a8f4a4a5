// Published ports of this host: who has which, and the records by which the data plane serves them.
// A range is one record, however long it is. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/network/context.hpp"
#include "daemon/network/reserved_ports.hpp"

namespace ebpfnet::network {

struct PublishedCount {
  std::size_t ranges = 0;
  std::size_t ports = 0;
};

// The endpoints that serve a sandbox's ports: its gateway endpoint of each family. Slot 0: none.
struct Servers {
  Slot ipv4;
  Slot ipv6;
};

class Publisher {
public:
  explicit Publisher(Context& context);

  // Takes host ports for a sandbox and returns the specs with the ports that were chosen. Refused
  // with the owner's name: ports of another sandbox, of a host process, of the masquerade range.
  // All or nothing. `check_host` is false for ports that were taken in an earlier life of the
  // daemon.
  Result<std::vector<api::PortSpec>>
  reserve(const Sandbox& sandbox, const std::vector<api::PortSpec>& specs, bool check_host);
  // Makes the sandbox's ports lead to these endpoints; again when a gateway endpoint changes.
  // Without any the ports stay taken, but lead nowhere.
  Result<void> serve(const std::string& sandbox_id, const Servers& servers);
  Result<void> release(const std::string& sandbox_id);
  Result<void> release_one(const std::string& sandbox_id, const api::PortSpec& spec);

  // Once at start, around the calls that reserve and serve what is on record: first the records
  // that the data plane has are taken note of, so that what is served again keeps its record and no
  // packet finds its port closed; then all chains are written and records that nobody claimed are
  // removed. In between the chains of the earlier life serve on: one that is half known must not
  // replace them.
  Result<void> adopt_records();
  Result<void> sweep();
  // One text per record, port or reservation in the kernel that is not as the entries say, without
  // changing anything. No request waits for longer than it takes to copy both maps.
  Result<std::vector<std::string>> problems() const;
  // `protocol`: IPPROTO_TCP or IPPROTO_UDP.
  PublishedCount count(std::uint8_t protocol) const;

private:
  // What one record says beyond the range: who serves which clients. An entry has two when
  // different endpoints serve the families.
  struct Part {
    std::uint8_t flags = 0; // EBN_PUB_ANY*
    Slot slot;
    std::uint32_t record = 0;
  };
  struct Entry {
    std::string sandbox_id;
    std::string sandbox_name;
    api::PortSpec spec;
    std::uint8_t protocol = 0;
    IpAddress host;
    bool any4 = false;
    bool any6 = false;
    std::vector<Part> parts; // empty: not served
  };
  struct Link { // of a chain
    const Entry* entry;
    const Part* part;
  };

  Result<Entry> make_entry(const Sandbox& sandbox, const api::PortSpec& spec) const;
  const Entry* conflict(const Entry& wanted) const;
  Result<void> check_free(const Entry& wanted, bool check_host) const;
  Result<void> choose_ports(Entry& entry, bool check_host) const;
  static std::vector<Part> parts_of(const Entry& entry, const Servers& servers);
  std::vector<Link> component(std::uint8_t protocol, std::uint32_t first, std::uint32_t last) const;
  Result<void> relink(std::uint8_t protocol, std::uint32_t first, std::uint32_t last);
  Result<void> write_chain(const std::vector<Link>& chain);
  static ebn_publish record_of(const Link& link, std::uint32_t next);
  Result<void> serve_one(Entry& entry, std::vector<Part> parts);
  Result<std::uint32_t> take_record(const Entry& entry, const Part& part);
  Result<void> reserve_from_kernel();
  PortSet reserved() const;

  std::uint32_t adopted_record(const Entry& entry, const Part& part);
  void clear_strays();

  struct Snapshot;
  Result<Snapshot> look() const;
  static void check_part(const Snapshot& now, const Link& link, std::vector<std::string>& problems);

  Context& context_;
  mutable std::mutex mutex_;
  std::map<std::uint32_t, ebn_publish> adoptable_; // records of an earlier life
  bool adopting_ = false;
  std::vector<std::unique_ptr<Entry>> entries_;
  IndexPool records_{"published ranges", EBN_MAX_PUBLISHES};
};

} // namespace ebpfnet::network
