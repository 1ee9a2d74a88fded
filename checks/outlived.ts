/**
 * Loaded into the process of each test file. What a failed test leaves alive (a server, a timer that somebody waits for) would
 * hold up the whole run: such a process is ended, and it says what was alive.
 */
import { writeSync } from 'node:fs'
import { after } from 'node:test'

/** Milliseconds that a process may live on after its tests, and that its tests may take in all. */
const GRACE = Number(process.env['DURE_TEST_GRACE'] ?? 60_000)
const LONGEST = Number(process.env['DURE_TEST_LONGEST'] ?? 20 * 60_000)

function endAfter(ms: number, what: string): void {
  setTimeout(() => {
    const alive = [...new Set(process.getActiveResourcesInfo())].join(', ')
    writeSync(2, `\n${process.argv[1]}: its tests ${what} ${ms} ms ago, and it did not end. Still alive: ${alive}\n`)
    process.exit(1)
  }, ms).unref()
}

endAfter(LONGEST, 'began')
after(() => endAfter(GRACE, 'were over'))
