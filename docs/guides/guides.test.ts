import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { blocksOf, headingsOf, linksOf, promised, snippetFiles } from './snippets.ts'

const here = import.meta.dirname
const root = join(here, '..', '..')
const english = globSync('*.md', { cwd: here })
  .filter((name) => !name.endsWith('.ko.md'))
  .toSorted()
const guides = english.filter((name) => name !== 'README.md')
/** Pages that exist in both languages, from the root. */
const translated = ['README.md', 'docs/recovery.md', ...english.map((name) => `docs/guides/${name}`)]

const korean = (path: string): string => path.replace(/\.md$/, '.ko.md')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string }

function node(args: readonly string[], cwd: string): Promise<Ran> {
  return new Promise((resolve) => {
    // A test inside a test would report to the outer one's parent.
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined }
    execFile(process.execPath, args, { cwd, env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    )
  })
}

test('there are guides with snippets', () => {
  assert.ok(guides.length >= 7, `${guides.length} guides`)
  for (const name of guides) assert.ok(snippetFiles(read(`docs/guides/${name}`)).length > 0, `${name} has no TypeScript in it`)
})

// In a folder that version control and the linter pass over, inside the tree, where packages are found by name.
let folder: string
before(() => {
  mkdirSync(join(here, '.data'), { recursive: true })
  folder = mkdtempSync(join(here, '.data', 'snippets-'))
  for (const name of guides) {
    for (const { path, text } of snippetFiles(read(`docs/guides/${name}`))) {
      const file = join(folder, name, path)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, text)
    }
  }
  const compilerOptions = { noEmit: true, isolatedDeclarations: false, declaration: false }
  const config = { extends: '../../../../tsconfig.base.json', compilerOptions, include: ['**/*.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
})

after(() => rmSync(folder, { recursive: true, force: true }))

test('the snippets compile', async () => {
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const { stdout } = await node([compiler, '-p', folder, '--pretty', 'false', '--listFiles'], folder)
  const lines = stdout.split('\n').filter((line) => line !== '')
  const seen = lines.filter((line) => line.startsWith(folder))
  assert.equal(seen.length, guides.flatMap((name) => snippetFiles(read(`docs/guides/${name}`))).length)
  // What is wrong in the packages themselves is told by the check of types, with a better address.
  assert.deepEqual(
    lines.filter((line) => !line.startsWith('/') && !line.startsWith('../') && !line.startsWith(' ')),
    [],
  )
})

for (const name of guides) {
  test(`the snippets of ${name} run and print what they say`, async () => {
    const all = snippetFiles(read(`docs/guides/${name}`))
    const files = all.filter(({ path }) => !path.endsWith('.test.ts'))
    const main = `for (const path of ${JSON.stringify(files.map(({ path }) => `./${path}`))}) await import(path)\n`
    writeFileSync(join(folder, name, 'run-all.mjs'), main)
    const { code, stdout, stderr } = await node(['--conditions=dure-source', 'run-all.mjs'], join(folder, name))
    assert.ok(code === 0, stderr)
    assert.deepEqual(stdout.split('\n').filter(Boolean), promised(files))
    for (const { path } of all.filter((file) => !files.includes(file))) {
      const tested = await node(['--conditions=dure-source', '--test', '--test-reporter=tap', path], join(folder, name))
      assert.ok(tested.code === 0 && /^# pass [1-9]/m.test(tested.stdout), tested.stdout + tested.stderr)
    }
  })
}

test('the rule that guards a domain finds an import of its store, and lets a sound domain pass', async (t) => {
  const page = read('docs/guides/hexagonal.md')
  // Outside the tree, where the linter looks at what version control passes over as well.
  const place = mkdtempSync(join(tmpdir(), 'dure-guides-'))
  t.after(() => rmSync(place, { recursive: true, force: true }))
  mkdirSync(join(place, 'domain'))
  writeFileSync(join(place, '.oxlintrc.json'), blocksOf(page).find(({ language }) => language === 'json')!.text)
  writeFileSync(join(place, 'domain', 'booking.ts'), snippetFiles(page).find(({ path }) => path === 'domain/booking.ts')!.text)
  const lint = () => node([join(root, 'node_modules/oxlint/bin/oxlint'), '-c', '.oxlintrc.json', 'domain'], place)
  const sound = await lint()
  assert.ok(sound.code === 0 && /on [1-9]\d* files?/.test(sound.stdout), sound.stdout)
  const wrong = ['../store/shows.ts', 'dure/data', 'node:fs', '../service.ts', '../adapters/printer.ts']
  for (const specifier of wrong) {
    writeFileSync(join(place, 'domain', 'wrong.ts'), `import * as it from '${specifier}'\nexport const same = it\n`)
    const { code, stdout } = await lint()
    rmSync(join(place, 'domain', 'wrong.ts'))
    assert.ok(code !== 0 && stdout.includes('A domain knows itself only'), `${specifier}: ${stdout}`)
  }
})

test('links of the guides hold', () => {
  const broken = globSync('*.md', { cwd: here }).flatMap((name) => {
    const links = linksOf(read(`docs/guides/${name}`))
    if (links.length === 0) return [`${name} links nothing`]
    return links.filter((link) => !existsSync(join(here, link))).map((link) => `${name}: ${link}`)
  })
  assert.deepEqual(broken, [])
})

for (const path of translated) {
  test(`${korean(path)} has the headings, code and links of ${path}`, () => {
    assert.ok(existsSync(join(root, korean(path))), `${korean(path)} is not there`)
    const [page, other] = [read(path), read(korean(path))]
    assert.deepEqual(headingsOf(other), headingsOf(page))
    assert.deepEqual(blocksOf(other), blocksOf(page))
    // Where there is a page or a picture in the reader's language, the link leads there.
    const leads = (links: readonly string[]): readonly string[] =>
      links.map((link) => link.replace('.ko.md', '.md').replace('-korean.png', '.png')).toSorted()
    assert.deepEqual(leads(linksOf(other)), leads(linksOf(page)))
    assert.match(other, /[가-힣]{2}/)
  })
}

test('the first service of README.md is the one that can be run', () => {
  const [first] = blocksOf(read('README.md')).filter(({ language }) => language === 'ts')
  assert.equal(first!.text, read('examples/first-service/system.ts'))
})

test('the table of statuses is the one in the code', async () => {
  const code = `import { STATUSES } from 'dure/contract'
    for (const [name, { http, retryable, meaning }] of Object.entries(STATUSES))
      console.log(\`| \\\`\${name}\\\` | \${http} | \${retryable ? 'yes' : 'no'} | \${meaning} |\`)`
  writeFileSync(join(folder, 'statuses.mjs'), code)
  const { stdout } = await node(['--conditions=dure-source', 'statuses.mjs'], folder)
  const rows = stdout.trim().split('\n')
  assert.equal(rows.length, 16)
  const page = read('docs/guides/chassis.md').replaceAll(/ +/g, ' ')
  assert.deepEqual(
    rows.filter((row) => !page.includes(row)),
    [],
  )
})

test('what is read from a page is what is there, and a hole in it is seen', () => {
  const page =
    '# A\n\n[a](b.md#c) [x](https://x) \n\n```ts\n// d/e.ts\n# no [no](no)\nconsole.log(1) // → 1\n```\n\n## B\n\n```sh\nls\n```\n'
  assert.deepEqual(headingsOf(page), ['#', '##'])
  assert.deepEqual(linksOf(page), ['b.md'])
  assert.deepEqual(
    blocksOf(page).map(({ language }) => language),
    ['ts', 'sh'],
  )
  const files = snippetFiles(page)
  assert.deepEqual(
    files.map(({ path }) => path),
    ['d/e.ts'],
  )
  assert.deepEqual(promised(files), ['1'])
  assert.deepEqual(
    snippetFiles('```ts\nlet a\n```').map(({ path }) => path),
    ['1.ts'],
  )
})
