import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

const oxlint = join(import.meta.dirname, '../../../../node_modules/oxlint/bin/oxlint')

/** What oxlint says of a saga with this body, in words; it loads the plugin as a user's configuration does. */
async function lint(t: TestContext, body: string, callee = 'saga'): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'dure-lint-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const plugin = join(import.meta.dirname, 'lint.ts')
  const config = { jsPlugins: [plugin], categories: { correctness: 'off' }, rules: { 'dure/saga-determinism': 'error' } }
  writeFileSync(join(folder, '.oxlintrc.json'), JSON.stringify(config))
  const head = `import { saga } from 'dure/saga'\nexport const checkout = ${callee}('checkout', {`
  writeFileSync(join(folder, 'saga.ts'), `${head}\n  version: 1,\n  run: async (s, input: string[]) => {\n${body}\n  },\n})\n`)
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, [oxlint, '-f', 'json', 'saga.ts'], { cwd: folder, encoding: 'utf8' }, (_, out, err) =>
      resolve(out || err),
    )
  })
  const { diagnostics, number_of_files: files } = JSON.parse(output) as {
    readonly diagnostics: readonly { readonly message: string }[]
    readonly number_of_files: number
  }
  assert.equal(files, 1, 'the linter saw the file')
  return diagnostics.map(({ message }) => message)
}

const wrong: readonly (readonly [body: string, names: string])[] = [
  ['const at = Date.now()', 'Date.now'],
  ['const at = new Date()', 'new Date()'],
  ['if (Math.random() < 0.5) return', 'Math.random'],
  ['const id = crypto.randomUUID()', 'crypto.randomUUID'],
  ['const id = globalThis.crypto.randomUUID()', 'crypto.randomUUID'],
  ['const now = performance.now()', 'performance.now'],
  ["const page = await fetch('http://x')", 'fetch'],
  ['setTimeout(() => {}, 1)', 'setTimeout'],
  ["const stock = await client.left('a')", 'client.left'],
  ['await load()', 'load'],
  ["await s.step('a', { do: async () => 1, timeout: Date.now() })", 'Date.now'],
  ["await Promise.race([s.sleep(1), s.signal('x')])", 'Promise.race'],
  ['const ids = input.map(() => Math.random())', 'Math.random'],
  ['for (const one of input) { if (one) { await save(one) } }', 'save'],
]

for (const [body, name] of wrong)
  test(`outside a step a saga may not say: ${body}`, async (t) => {
    const said = await lint(t, body)
    assert.ok(said.length >= 1, 'something was found')
    assert.ok(
      said.some((message) => message.includes(`\`${name}\``) && message.includes('s.step(')),
      said.join('\n'),
    )
  })

test('inside a step it may, and plain work between steps as well', async (t) => {
  const body = `
    const at = await s.step('at', async () => Date.now())
    const id = await s.step('id', { do: async ({ stock }) => stock.take(crypto.randomUUID()), undo: async () => { await give(Math.random()) } })
    const both = await Promise.all([s.step('a', async () => fetch('x')), s.step('b', async () => 1)])
    const sorted = input.toSorted().map((one) => one.length + new Date(at).getTime())
    await reserveAll(s, sorted)
    await s.sleep(1000)
    const paid = await s.waitFor(Paid, { key: id, timeout: 5 })
    return both.length + (paid ? 1 : 0)`
  assert.deepEqual(await lint(t, body), [])
})

test('what is no saga is left alone', async (t) => {
  assert.deepEqual(await lint(t, 'return Math.random()', 'other'), [])
  assert.deepEqual(await lint(t, 'return Math.random()', 'x.saga'), [])
})
