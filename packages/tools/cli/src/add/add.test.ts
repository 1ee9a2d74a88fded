import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { dure, linkLibrary, SOURCES } from '../shell.test-support.ts'

/** A program, which is to end well; the sources of this repository stand for what is published. */
function run(folder: string, words: readonly string[]): string {
  // Tests that begin tests would report to this one.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const ended = spawnSync(process.execPath, words, { cwd: folder, encoding: 'utf8', env })
  assert.equal(ended.status, 0, `${words.join(' ')}\n${ended.stdout}${ended.stderr}`)
  return ended.stdout
}

/** What `npm create dure` made, by its words: it is made once, and each test has a copy. */
const made = new Map<string, string>()
after(() => {
  for (const root of made.values()) rmSync(root, { recursive: true, force: true })
})

/** A project as `npm create dure` makes it, in a folder with a space in its path. */
function created(t: TestContext, ...words: readonly string[]): string {
  const key = words.join(' ')
  const root = made.get(key) ?? mkdtempSync(join(tmpdir(), 'dure add '))
  if (!made.has(key)) {
    made.set(key, root)
    run(root, [join(SOURCES, '../../create-dure/bin/create-dure.js'), 'my-shop', '--yes', '--no-install', ...words])
  }
  const copy = mkdtempSync(join(tmpdir(), 'dure add '))
  t.after(() => rmSync(copy, { recursive: true, force: true }))
  const folder = join(copy, 'my-shop')
  cpSync(join(root, 'my-shop'), folder, { recursive: true })
  linkLibrary(folder)
  return folder
}

/** @param tests those of what was added; what a new project brings is tried where it is made */
function passes(folder: string, tests = 'src/**/*.test.ts'): void {
  const sources = ['--customConditions', 'dure-source', '--lib', 'es2024,esnext.iterator,esnext.disposable']
  run(folder, ['node_modules/typescript/bin/tsc', ...sources])
  assert.match(run(folder, ['--conditions=dure-source', '--test', '--test-isolation=none', tests]), /^ℹ fail 0$/m)
}

async function adds(folder: string, ...words: readonly string[]): Promise<string> {
  const { code, out, err } = await dure(['add', ...words], { cwd: folder })
  assert.equal(code, 0, err)
  return out
}

const at = (folder: string, path: string): string => readFileSync(join(folder, path), 'utf8')
const textsOf = (folder: string): unknown =>
  globSync('**/*', { cwd: folder, withFileTypes: true, exclude: (entry) => entry.name === 'node_modules' })
    .filter((entry) => entry.isFile())
    .map((entry) => [join(entry.parentPath, entry.name), at(entry.parentPath, entry.name)])

test(
  'a service, operations, events and reactions are added, and the project compiles and passes',
  { timeout: 240_000 },
  async (t) => {
    const folder = created(t, '--template', 'first')
    assert.match(
      await adds(folder, 'service', 'stock-items'),
      /new +src\/stock-items\/contract\.ts\n[^]*changed +src\/system\.ts\n/,
    )
    assert.match(
      at(folder, 'src/system.ts'),
      /^import \{ stockItems \} from '\.\/stock-items\/service\.ts'$[^]*services: \[notes, stockItems\]/m,
    )
    await adds(folder, 'operation', 'findAll', '--query', '--service', 'stock-items')
    await adds(folder, 'operation', 'rename', '--service', 'notes')
    assert.match(
      at(folder, 'src/stock-items/contract.ts'),
      / {4}findAll: query\(\{.*http: 'GET \/stock-items\/find-all' \}\),\n {2}\},/,
    )
    await adds(folder, 'event', 'item.counted', '--service', 'stock-items')
    await adds(folder, 'event', 'note.renamed', '--service', 'notes')
    assert.match(
      at(folder, 'src/notes/contract.ts'),
      /nobody can take it back\. \*\/\nexport const NoteRenamed[^]*events: \[NoteTaken, NoteRenamed\]/,
    )
    await adds(folder, 'reaction', 'note.renamed', '--service', 'stock-items')
    await adds(folder, 'reaction', 'item.counted', '--service', 'notes')
    await adds(folder, 'reaction', 'note.taken', '--service', 'stock-items')
    assert.match(at(folder, 'src/notes/service.ts'), /'003-latest-item-counted': 'CREATE TABLE latest_item_counted/)
    assert.match(at(folder, 'src/stock-items/store/entries.ts'), /'003-latest-note-taken'/)
    passes(folder)
    const placement = ['check', 'placement', '--runs', '1', '--placement', 'unix']
    assert.equal((await dure(placement, { cwd: folder })).code, 0)
    assert.match((await dure(['doctor'], { cwd: folder })).out, /All files that were generated are there, none was changed since/)
  },
)

test(
  'a hexagonal project in Korean: its own language, a service that is a function, stores in files of their own',
  { timeout: 240_000 },
  async (t) => {
    const folder = created(t, '--template', 'shop', '--lang', 'ko')
    await adds(folder, 'service', 'review')
    assert.match(at(folder, 'src/review/domain/tidy.ts'), /규칙입니다/)
    await adds(folder, 'operation', 'refund', '--service', 'payment')
    assert.match(at(folder, 'src/payment/contract.ts'), /operations: \{\n {4}refund: command/)
    await adds(folder, 'reaction', 'payment.taken', '--service', 'stock')
    await adds(folder, 'reaction', 'order.placed', '--service', 'payment')
    await adds(folder, 'event', 'stock.gone', '--service', 'stock')
    await adds(folder, 'reaction', 'stock.gone', '--service', 'review')
    passes(folder, 'src/{review,payment,stock}/**/*.test.ts')
  },
)

test(
  'places that are not there, or not in a form that can be added to: what to put where, and nothing is written',
  { timeout: 120_000 },
  async (t) => {
    const folder = created(t, '--template', 'first')
    const change = (path: string, from: string, to: string): void => {
      const text = at(folder, path)
      assert.ok(text.includes(from), path)
      writeFileSync(join(folder, path), text.replace(from, to))
    }
    const refuses = async (words: readonly string[], pattern: RegExp): Promise<void> => {
      const before = textsOf(folder)
      const { code, out, err } = await dure(['add', ...words], { cwd: folder })
      assert.notEqual(code, 0, out)
      assert.match(err, pattern)
      assert.deepEqual(textsOf(folder), before)
    }
    await refuses(['service', 'notes'], /Cannot add the service "notes": "src\/notes\/contract\.ts" is there already/)
    await refuses(['service', 'My Shop'], /Cannot call a service "My Shop": take small letters/)
    await refuses(['service', 'system'], /another use for the word; take another, such as systems/)
    await refuses(['operation', 'list'], /it has one of that name; take another/)
    await refuses(['operation', 'x-y'], /Cannot call an operation "x-y": take letters and digits/)
    await refuses(['operation', 'find', '--service', 'shop'], /there is no contract\('shop', …\)[^]*there are notes/)
    await refuses(['event', 'note.taken'], /src\/notes\/contract\.ts has it already/)
    await refuses(['reaction', 'note.taken'], /it reacts to it already; look for on\(NoteTaken, …\) in src\/notes\/service\.ts/)
    await refuses(['reaction', 'order.placed'], /no exported constant is event\('order\.placed', …\); there are note\.taken/)
    change('src/system.ts', '[notes]', 'all')
    change('src/system.ts', 'export default', 'const all = [notes]\nexport default')
    await refuses(
      ['service', 'reviews'],
      /the place in "src\/system\.ts" \(in "services" of system\(…\)\) is not there[^]*Nothing was written[^]*src\/system\.ts, at the top:\n {4}import \{ reviews \}[^]*\n {4}reviews\n[^]*src\/reviews\/store\/entries\.ts, a new file:\n {4}import/,
    )
    change('src/notes/service.ts', 'subscriptions: ({ on }) => [', 'subscriptions: (react) => [react.on(NoteTaken, () => {}), ')
    await adds(folder, 'event', 'note.read')
    await refuses(['reaction', 'note.read'], /in "subscriptions" of service\(Notes, …\)\) is not there[^]*on\(NoteRead, async/)
    change('src/notes/service.ts', 'handlers: {', '...{}, handlers: {')
    await adds(folder, 'operation', 'rename')
    change('src/notes/service.ts', 'handlers: {', 'handlers: { broken: = 1,')
    await refuses(['operation', 'again'], /"src\/notes\/service\.ts" would not be TypeScript that Node runs/)
    rmSync(join(folder, 'src/notes/service.ts'))
    await refuses(['operation', 'again'], /no service\(Notes, …\) is written out for its contract; a service that was deleted/)
    writeFileSync(join(folder, 'dure.created.json'), 'no JSON')
    await refuses(['event', 'note.lost'], /Cannot tell|no service|"dure\.created\.json" is no JSON/)
  },
)

test('a folder that is no project, and one without a system file', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dure-add-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  assert.match((await dure(['add', 'service', 'reviews'], { cwd: folder })).err, /it is no project[^]*npm create dure my-shop/)
  writeFileSync(join(folder, 'package.json'), '{}')
  assert.match(
    (await dure(['add', 'service', 'reviews'], { cwd: folder })).err,
    /Cannot find the system file "system\.ts"[^]*"dure": \{ "system"/,
  )
  assert.ok(!existsSync(join(folder, 'dure.created.json')))
})

test('a project from Windows: backslashes in its paths, lines that end in CRLF', { timeout: 120_000 }, async (t) => {
  const [folder, plain] = [created(t, '--template', 'first'), created(t, '--template', 'first')]
  for (const path of ['src/system.ts', 'src/notes/contract.ts', 'src/notes/service.ts', 'package.json'])
    writeFileSync(join(folder, path), at(folder, path).replaceAll('\n', '\r\n').replace('src/system.ts', 'src\\\\system.ts'))
  for (const words of [
    ['service', 'reviews'],
    ['operation', 'find', '--service', 'notes'],
    ['event', 'note.read', '--service', 'notes'],
    ['reaction', 'note.read', '--service', 'reviews'],
  ]) {
    await adds(folder, ...words)
    await adds(plain, ...words)
  }
  for (const path of globSync('src/**/*.ts', { cwd: folder })) {
    const text = at(folder, path)
    if (path !== join('src/notes/notes.component.test.ts') && path !== join('src/layering.test.ts'))
      assert.doesNotMatch(text, /[^\r]\n/, path)
    assert.equal(text.replaceAll('\r\n', '\n'), at(plain, path), path)
  }
})

test('a write that fails leaves all files as they were', { timeout: 120_000 }, async (t) => {
  const folder = created(t, '--template', 'first')
  // A folder where the last file is to be written.
  mkdirSync(join(folder, 'dure.created.json.dure-add'))
  const before = textsOf(folder)
  const { code, err } = await dure(['add', 'service', 'reviews'], { cwd: folder })
  assert.equal(code, 1)
  assert.match(err, /Cannot add the service "reviews": [^\n]*All files are as they were; mend that and call it again\.$/m)
  assert.deepEqual(textsOf(folder), before)
  assert.ok(!existsSync(join(folder, 'src/reviews')))
})

test('a disk that is full in the middle leaves all files as they were', { timeout: 120_000 }, async (t) => {
  const disk = mkdtempSync(join(tmpdir(), 'dure-full-'))
  t.after(() => {
    spawnSync('umount', [disk])
    rmSync(disk, { recursive: true, force: true })
  })
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]).status !== 0)
    return t.skip('needs the right to mount a small disk; the test before has a write fail')
  const words = ['my-shop', '--yes', '--no-install']
  const bin = join(SOURCES, '../../create-dure/bin/create-dure.js')
  assert.equal(spawnSync(process.execPath, [bin, ...words], { cwd: disk }).status, 0)
  const folder = join(disk, 'my-shop')
  const filler = openSync(join(disk, 'filler'), 'w')
  const { bavail, bsize } = statfsSync(disk)
  writeSync(filler, Buffer.alloc((bavail - 4) * bsize))
  closeSync(filler)
  const before = textsOf(folder)
  const { code, err } = await dure(['add', 'service', 'reviews'], { cwd: folder })
  assert.equal(code, 1)
  assert.match(err, /Cannot add the service "reviews": ENOSPC[^\n]*All files are as they were/)
  assert.deepEqual(textsOf(folder), before)
  assert.ok(!existsSync(join(folder, 'src/reviews')))
})
