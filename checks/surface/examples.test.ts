import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { publishedPackages } from '../packaging/workspace.ts'
import { root, run, runTool } from '../shell.ts'
import { readSurface } from './surface.ts'

const { names } = readSurface(root)
// What two doors hand on is tried once.
const examples = [
  ...new Map(names.filter(({ example }) => example !== undefined).map((one) => [`${one.file} ${one.name}`, one])).values(),
].map(({ door, name, example }) => ({ door, path: join(door, `${name}.ts`), text: example! }))
/** The first page of every package, whose code is run as well. */
const pages = publishedPackages().map(({ path, manifest: { name } }) => ({ name, file: join(path, 'README.md') }))
const snippets = [
  ...examples,
  ...pages.map(({ name, file }) => {
    const text = existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : ''
    return { door: `README of ${name}`, path: join('readme', `${name}.ts`), text: /^```ts\n(.*?)^```$/ms.exec(text)?.[1] ?? '' }
  }),
]

// In a folder that version control and the linter pass over, inside the tree, where packages are found by name.
let folder: string
before(() => {
  mkdirSync(join(import.meta.dirname, '.data'), { recursive: true })
  folder = mkdtempSync(join(import.meta.dirname, '.data', 'examples-'))
  for (const { path, text } of snippets) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const compilerOptions = { noEmit: true, isolatedDeclarations: false, declaration: false, noUnusedLocals: false }
  const config = { extends: '../../../../tsconfig.base.json', compilerOptions, include: ['**/*.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
})
after(() => rmSync(folder, { recursive: true, force: true }))

test('there are examples and first pages, and they compile', async () => {
  assert.ok(examples.length > 0, 'no published name has an example')
  const { output } = await runTool('typescript/bin/tsc', ['-p', folder, '--pretty', 'false', '--listFiles'], folder)
  const lines = output.split('\n').filter((line) => line !== '')
  assert.equal(lines.filter((line) => line.startsWith(folder)).length, snippets.length)
  assert.deepEqual(
    lines.filter((line) => !line.startsWith('/') && !line.startsWith('../')),
    [],
  )
})

for (const [door, own] of Map.groupBy(snippets, (one) => one.door)) {
  test(`the code of ${door} runs and prints what it says`, async () => {
    // Each in a folder of its own, where a system keeps its files.
    const place = join(folder, door.replaceAll(/\W/g, '-'))
    mkdirSync(place)
    writeFileSync(
      join(place, 'run.mjs'),
      own.map(({ path }) => `console.log('# ${path}'); await import('../${path}')`).join('\n'),
    )
    const { code, output } = await run(process.execPath, ['--conditions=dure-source', 'run.mjs'], place)
    assert.equal(code, 0, output)
    const said = own.flatMap(({ path, text }) => [`# ${path}`, ...[...text.matchAll(/\/\/ → (.*)$/gm)].map(([, line]) => line!)])
    assert.equal(output.trim(), said.join('\n'))
  })
}

for (const { name, file } of pages) {
  test(`the first page of ${name} says what it is, shows code, and leads to a guide`, () => {
    assert.ok(existsSync(join(root, file)), `"${file}" is missing: say what the package is, with one example and the guide`)
    const text = readFileSync(join(root, file), 'utf8')
    assert.ok(text.startsWith(`# ${name}\n\n`) && /\n```(?:ts|sh)\n/.test(text), file)
    const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, link]) => link!)
    assert.ok(
      links.some((link) => link.includes('docs/guides/')),
      `${file} leads to no guide`,
    )
    for (const link of links) assert.ok(existsSync(join(root, dirname(file), link)), `${file}: ${link}`)
  })
}
