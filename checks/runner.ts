/**
 * `npm test`: every test of the tree on node's own runner, or those whose path contains a given word
 * (`npm test -- messaging`). What takes minutes to say what shorter tests say nearly as well (`*.long.test.ts`: every broker under the
 * marketplace, the second version of a server) runs with `npm run test:long`, or when its path is named. Says loudly which tests were not run for want of a server; with
 * DURE_REQUIRE_SERVERS=1 that is a failure. Node's summary comes last.
 */
import { chmodSync, globSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { stripVTControlCharacters } from 'node:util'

const PLACES = [
  'packages/**/*.test.ts',
  'examples/**/*.test.ts',
  'checks/**/*.test.ts',
  'docs/**/*.test.ts',
  'bench/*.test.ts',
  'bench/*/*.test.ts',
]

/** Built for half an hour of a machine: only for who names it, and no test run fails for want of it. */
export const ONLY_WHEN_NAMED: readonly string[] = ['kubernetes']

/** How a skipped test says which server it missed (`checks/servers.ts`). */
const NEEDS_SERVER = /^needs server: (?<server>.+)$/

/** Milliseconds for one file, on a busy machine: one that hangs fails, and the others are told of. */
const LONGEST = 15 * 60_000

/** Milliseconds from which on a file is listed as slow. */
const SLOW = 20_000

/** Ends the process of a file that lives on when its tests are over. */
const OUTLIVED = new URL('./outlived.ts', import.meta.url).href

export type Outcome = {
  readonly tests: number
  readonly success: boolean
  /** Tests that skipped themselves because a server was missing, by server. */
  readonly notRun: ReadonlyMap<string, readonly string[]>
}

/** Test files below `root` whose path contains one of `words`; without words all but those that take long. */
export function testFiles(root: string, words: readonly string[] = []): readonly string[] {
  return globSync(PLACES, { cwd: root, exclude: (name) => /(^|\/)(node_modules|dist)$/.test(name) })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => (words.length === 0 ? !path.endsWith('.long.test.ts') : words.some((word) => path.includes(word))))
    .toSorted()
}

/** Runs the files, each in a process of its own, and writes the report as it comes. */
export async function runTests(options: {
  readonly root: string
  readonly files: readonly string[]
  readonly write: (text: string) => void
  readonly requireServers: boolean
}): Promise<Outcome> {
  const notRun = new Map<string, string[]>()
  const slow: { readonly file: string; readonly seconds: number }[] = []
  let tests = 0
  let failed = false
  const events = run({
    cwd: options.root,
    files: options.files.map((path) => join(options.root, path)),
    // Many files start a dozen processes each: one more at once, and those with a bound on their time miss it on a slow machine.
    concurrency: availableParallelism(),
    timeout: LONGEST,
    execArgv: ['--conditions=dure-source', `--import=${OUTLIVED}`],
  })
  events.on('test:pass', ({ name, skip }) => {
    const server = typeof skip === 'string' ? NEEDS_SERVER.exec(skip)?.groups?.['server'] : undefined
    if (server !== undefined) notRun.set(server, [...(notRun.get(server) ?? []), name])
  })
  events.on('test:fail', ({ todo }) => {
    if (todo === undefined || todo === false) failed = true
  })
  events.on('test:summary', ({ counts, file, duration_ms: ms }) => {
    if (file === undefined) tests = counts.tests
    else if (ms >= SLOW) slow.push({ file: relative(options.root, file), seconds: Math.round(ms / 1_000) })
  })
  for await (const text of events.compose(new spec())) {
    // The summary begins here; what was not run must be said before it, so that the summary stays last.
    if (/^ℹ tests /m.test(stripVTControlCharacters(String(text)))) {
      if (slow.length > 0) options.write(slowNotice(slow))
      if (notRun.size > 0) options.write(notRunNotice(notRun, options.requireServers))
    }
    options.write(String(text))
  }
  return {
    tests,
    success:
      !failed && tests > 0 && !(options.requireServers && [...notRun.keys()].some((server) => !ONLY_WHEN_NAMED.includes(server))),
    notRun,
  }
}

/** What the whole run takes its time for: the first place to look when it takes too long. */
function slowNotice(slow: readonly { readonly file: string; readonly seconds: number }[]): string {
  const rows = slow.toSorted((a, b) => b.seconds - a.seconds).map(({ file, seconds }) => `  ${seconds} s  ${file}\n`)
  return `\nFiles of ${SLOW / 1_000} seconds and more:\n${rows.join('')}\n`
}

function notRunNotice(notRun: Outcome['notRun'], required: boolean): string {
  const rows = [...notRun].map(([server, names]) => `  ${server}: ${names.length} tests not run, such as "${names[0]}"\n`)
  const fails = required && [...notRun.keys()].some((server) => !ONLY_WHEN_NAMED.includes(server))
  const consequence = fails ? 'DURE_REQUIRE_SERVERS=1 makes this a failure.' : 'Install what is missing with: npm run servers'
  return `\n${'!'.repeat(80)}\nNOT RUN, for want of a server:\n${rows.join('')}${consequence}\n${'!'.repeat(80)}\n\n`
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..')
  const long = process.argv.includes('--long')
  const words = process.argv.slice(2).filter((word) => word !== '--long')
  const files = testFiles(root, long && words.length === 0 ? [''] : words)
  // Files that are short with one version of a server, and long with all of them, look here.
  if (long) process.env['DURE_TEST_LONG'] = '1'
  if (files.length === 0) {
    console.error(`Cannot run tests: no test file's path contains ${words.join(' or ') || 'anything'}.`)
    process.exitCode = 1
  } else {
    // What the tests leave in the temporary folder goes with it. A database server runs as a user of its own, and has its data there:
    // everybody may, as in the one of the system.
    const folder = mkdtempSync(join(tmpdir(), 'dure-'))
    chmodSync(folder, 0o1777)
    process.env['TMPDIR'] = folder
    // Thousands of processes load the same sources: each is read and compiled once. Not for those who look at how a process loads.
    process.env['NODE_COMPILE_CACHE'] ??= join(folder, 'compiled')
    try {
      const outcome = await runTests({
        root,
        files,
        write: (text) => void process.stdout.write(text),
        requireServers: process.env['DURE_REQUIRE_SERVERS'] === '1',
      })
      process.exitCode = outcome.success ? 0 : 1
    } finally {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    }
  }
}
