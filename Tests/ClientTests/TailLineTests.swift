import Testing

@testable import leat

@Suite struct TailLineTests {
    @Test func `An event that did not arrive is shown with what became of it and why`() {
        let filtered = """
            {"at":"2026-11-22T14:30:00Z","connection":"web/crm","partition":"1.0.0","offset":7,"outcome":"filtered",\
            "code":"filter","reason":"the filter does not hold: n > 1","attempts":0,"event":null}
            """
        #expect(
            TailView.line(filtered)
                == "2026-11-22T14:30:00Z  web/crm  filtered filter: the filter does not hold: n > 1  1.0.0:7  null"
        )
        let dropped = """
            {"at":"2026-11-22T14:30:00Z","connection":"web/crm","partition":"1.0.0","offset":7,"part":1,\
            "outcome":"dropped","reason":"a.b: bot","attempts":0,"event":{"n":1}}
            """
        #expect(
            TailView.line(dropped) == "2026-11-22T14:30:00Z  web/crm  dropped: a.b: bot  1.0.0:7.1  {\"n\":1}"
        )
    }
}
