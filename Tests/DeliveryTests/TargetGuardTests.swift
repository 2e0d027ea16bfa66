import Delivery
import EventModel
import Testing

@Suite struct TargetGuardTests {
    @Test(
        arguments: [
            ("0.0.0.0", "unspecified"), ("10.1.2.3", "private"), ("100.64.0.1", "carrier-grade NAT"),
            ("100.100.100.200", "cloud metadata"), ("127.0.0.1", "loopback"), ("127.255.255.254", "loopback"),
            ("169.254.1.1", "link-local"), ("169.254.169.254", "cloud metadata"), ("172.16.0.1", "private"),
            ("172.31.255.255", "private"), ("192.0.0.1", "protocol assignment"), ("192.0.2.9", "documentation"),
            ("192.168.1.1", "private"), ("198.18.0.1", "benchmarking"), ("198.51.100.1", "documentation"),
            ("203.0.113.1", "documentation"), ("224.0.0.1", "multicast"), ("239.1.2.3", "multicast"),
            ("250.0.0.1", "reserved"), ("255.255.255.255", "broadcast"),
            ("::", "unspecified"), ("::1", "loopback"), ("::ffff:10.0.0.1", "IPv4-mapped"),
            ("::ffff:8.8.8.8", "IPv4-mapped"), ("::7f00:1", "IPv4-compatible"), ("64:ff9b::a00:1", "NAT64"),
            ("64:ff9b:1::1", "NAT64"), ("100::1", "discard-only"), ("2001::1", "Teredo"), ("2001:2::1", "benchmarking"),
            ("2001:db8::1", "documentation"), ("3fff::1", "documentation"), ("2002:a00:1::1", "6to4"),
            ("fc00::1", "unique local"), ("fd12:3456::1", "unique local"), ("fd00:ec2::254", "cloud metadata"),
            ("fe80::1", "link-local"), ("fec0::1", "site-local"), ("ff02::1", "multicast"), ("4000::1", "reserved"),
        ]
    )
    func `What only this machine or its network reaches is not connected to`(text: String, kind: String) throws {
        #expect(TargetGuard().objection(to: try #require(IPAddress(text))) == kind)
    }

    @Test(
        arguments: [
            "1.1.1.1", "8.8.8.8", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
            "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255",
            "198.20.0.0", "223.255.255.255", "2606:4700::1111", "2a00:1450:4001:81b::200e", "2001:4860:4860::8888",
        ]
    )
    func `Public addresses are connected to`(text: String) throws {
        #expect(TargetGuard().objection(to: try #require(IPAddress(text))) == nil)
    }

    @Test func `An operator allows ranges, and what they carry must be allowed as well`() throws {
        let ranges = try AddressRange.list("10.0.0.0/8, 64:ff9b::/96,2002::/16,::1").get()
        let guarding = TargetGuard(allowing: ranges)
        func objection(_ text: String) throws -> String? { guarding.objection(to: try #require(IPAddress(text))) }
        #expect(try objection("10.255.0.1") == nil && objection("::1") == nil)
        #expect(try objection("11.0.0.1") == nil && objection("127.0.0.1") == "loopback")
        #expect(try objection("64:ff9b::808:808") == nil && objection("64:ff9b::a00:1") == nil)
        #expect(try objection("64:ff9b::7f00:1") == "loopback" && objection("2002:7f00:1::") == "loopback")
        #expect(try objection("fd00::1") == "unique local")
    }

    @Test func `A refusal says what, where and how to allow it`() throws {
        let address = try #require(IPAddress("10.0.0.7"))
        #expect(
            TargetGuard.sentence("api.example.com", address, "private")
                == "api.example.com leads to 10.0.0.7, a private address, and such are not connected to; the operator of the "
                + "server can allow it: leat serve --allow-targets 10.0.0.7, or LEAT_DELIVERY_ALLOW"
        )
        #expect(TargetGuard.sentence("10.0.0.7", address, "private").hasPrefix("10.0.0.7 is a private address, "))
    }

    @Test(
        arguments: [
            ("::", "::"), ("0:0:0:0:0:0:0:1", "::1"), ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("::ffff:1.2.3.4", "::ffff:102:304"), ("1::", "1::"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
            ("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"), ("fe80::0.0.0.1", "fe80::1"), ("127.0.0.1", "127.0.0.1"),
        ]
    )
    func `An address has one spelling`(text: String, written: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == written && IPAddress(written) == address)
    }

    @Test(
        arguments: [
            "", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "1.2.3.-4", "1.2.3.+4", " 1.2.3.4", "0x7f.0.0.1", "1",
            ":",
            ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::1::", "12345::", "g::", "fe80::1%eth0", "1.2.3.4::",
            "::1.2.3",
            "+1::", "1:2:3:4:5:6:7::8:9",
        ]
    )
    func `What could be read in two ways is no address`(text: String) { #expect(IPAddress(text) == nil) }

    @Test func `A range is a prefix and nothing else`() {
        for wrong in ["10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/-1", "10.0.0.0/", "::/129", "ten", "10.0.0.0/8/8", "1/8"] {
            #expect(AddressRange(wrong) == nil, "\(wrong)")
        }
        #expect(AddressRange("0.0.0.0/0") != nil && AddressRange("::/0") != nil && AddressRange("1.2.3.4/32") != nil)
        guard case .failure(let wrong) = AddressRange.list("10.0.0.0/8,x") else {
            Issue.record("x was taken for a range")
            return
        }
        #expect(wrong.text == "x")
    }
}
