import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { testFiles } from './runner.ts'

const HEAD = `import { test } from 'node:test'\n`

/** Runs the runner over a tree with the given test files, in a process of its own. */
function runnerOver(
  t: TestContext,
  files: Readonly<Record<string, string>>,
  requireServers = false,
): { readonly status: number | null; readonly stdout: string; readonly last: readonly string[] } {
  const root = mkdtempSync(join(tmpdir(), 'dure-runner-'))
  t.after(() => rmSync(root, { recursive: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, 'packages', 'x'), { recursive: true })
    writeFileSync(join(root, 'packages', 'x', name), HEAD + text)
  }
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
  const script = `
    import { runTests, testFiles } from ${JSON.stringify(join(import.meta.dirname, 'runner.ts'))}
    const outcome = await runTests({ root: ${JSON.stringify(root)}, files: testFiles(${JSON.stringify(root)}),
      write: (text) => process.stdout.write(text), requireServers: ${requireServers} })
    process.exitCode = outcome.success ? 0 : 1`
  // A runner inside a runner would be refused: it must not see that it is one.
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env
  writeFileSync(join(root, 'run.ts'), script)
  const env = { ...environment, DURE_TEST_GRACE: '200', DURE_TEST_LONGEST: '10000' }
  const { status, stdout } = spawnSync(process.execPath, [join(root, 'run.ts')], { encoding: 'utf8', env })
  return { status, stdout, last: stdout.trimEnd().split('\n').slice(-8) }
}

test('a green run exits 0 and ends on node’s summary', (t) => {
  const { status, last } = runnerOver(t, { 'a.test.ts': `test('a', () => {})`, 'b.test.ts': `test('b', () => {})` })
  assert.equal(status, 0)
  assert.equal(last[0], 'ℹ tests 2')
  assert.match(last[7]!, /^ℹ duration_ms/)
})

test('a failing test, a file that throws and a tree without tests exit 1', (t) => {
  const failing = runnerOver(t, { 'a.test.ts': `test('a', () => { throw new Error('no') })`, 'b.test.ts': `test('b', () => {})` })
  assert.equal(failing.status, 1)
  assert.match(failing.stdout, /ℹ pass 1\nℹ fail 1/)
  const broken = runnerOver(t, { 'a.test.ts': `throw new Error('no')` })
  assert.equal(broken.status, 1)
  assert.match(broken.stdout, /ℹ pass 0\nℹ fail 1/)
  assert.equal(runnerOver(t, {}).status, 1)
})

test('a test that misses a server is named, before the summary, and fails the run where servers are required', (t) => {
  const files = { 'a.test.ts': `test('reads the log', { skip: 'needs server: postgres' }, () => {})\ntest('b', () => {})` }
  const lenient = runnerOver(t, files)
  assert.equal(lenient.status, 0)
  assert.match(lenient.stdout, /NOT RUN, for want of a server:\n {2}postgres: 1 tests not run, such as "reads the log"/)
  assert.equal(lenient.last[0], 'ℹ tests 2')
  assert.equal(runnerOver(t, files, true).status, 1)
})

test('a file that leaves something alive when its tests are over is ended, and says what', { timeout: 60_000 }, (t) => {
  const { status, stdout } = runnerOver(t, {
    'a.test.ts': `test('a', () => { setInterval(() => {}, 1000); throw new Error('half way') })`,
    'b.test.ts': `test('b', { timeout: 100 }, () => new Promise(() => setInterval(() => {}, 1000)))`,
    'c.test.ts': `test('c', () => {})`,
    'd.test.ts': `test('d', () => new Promise(() => setInterval(() => {}, 1000)))`,
  })
  assert.equal(status, 1)
  assert.match(stdout, /d\.test\.ts: its tests began 10000 ms ago, and it did not end/)
  assert.match(stdout, /a\.test\.ts: its tests were over 200 ms ago, and it did not end\. Still alive: .*Timeout/)
  assert.match(stdout, /b\.test\.ts: its tests were over/)
  assert.match(stdout, /ℹ pass 1\n/)
})

test('testFiles() finds by word and skips node_modules', () => {
  const root = join(import.meta.dirname, '..')
  const all = testFiles(root)
  assert.ok(all.includes('checks/runner.test.ts'))
  assert.deepEqual(
    all.filter((path) => path.includes('node_modules')),
    [],
  )
  assert.deepEqual(testFiles(root, ['checks/runner']), ['checks/runner.test.ts'])
  assert.deepEqual(testFiles(root, ['no such test']), [])
  const long = testFiles(root, ['.long.test.ts'])
  assert.ok(long.length > 0 && all.length > 0)
  assert.deepEqual(
    all.filter((path) => long.includes(path)),
    [],
  )
})
