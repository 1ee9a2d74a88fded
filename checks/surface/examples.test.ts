import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { root, run, runTool } from '../shell.ts'
import { readSurface } from './surface.ts'

const { names } = readSurface(root)
// What two doors hand on is tried once.
const examples = [
  ...new Map(names.filter(({ example }) => example !== undefined).map((one) => [`${one.file} ${one.name}`, one])).values(),
].map(({ door, name, example }) => ({ door, path: join(door, `${name}.ts`), text: example! }))

// In a folder that version control and the linter pass over, inside the tree, where packages are found by name.
let folder: string
before(() => {
  mkdirSync(join(import.meta.dirname, '.data'), { recursive: true })
  folder = mkdtempSync(join(import.meta.dirname, '.data', 'examples-'))
  for (const { path, text } of examples) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const compilerOptions = { noEmit: true, isolatedDeclarations: false, declaration: false, noUnusedLocals: false }
  const config = { extends: '../../../../tsconfig.base.json', compilerOptions, include: ['**/*.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
})
after(() => rmSync(folder, { recursive: true, force: true }))

test('there are examples, and they compile', async () => {
  assert.ok(examples.length > 0, 'no published name has an example')
  const { output } = await runTool('typescript/bin/tsc', ['-p', folder, '--pretty', 'false', '--listFiles'], folder)
  const lines = output.split('\n').filter((line) => line !== '')
  assert.equal(lines.filter((line) => line.startsWith(folder)).length, examples.length)
  assert.deepEqual(
    lines.filter((line) => !line.startsWith('/') && !line.startsWith('../')),
    [],
  )
})

for (const [door, own] of Map.groupBy(examples, (one) => one.door)) {
  test(`the examples of ${door} run and print what they say`, async () => {
    const main = own.map(({ path }) => `console.log('# ${path}'); await import('./${path}')`).join('\n')
    const file = join(folder, `${door.replaceAll('/', '-')}.mjs`)
    writeFileSync(file, main)
    const { code, output } = await run(process.execPath, ['--conditions=source', file], folder)
    assert.equal(code, 0, output)
    const said = own.flatMap(({ path, text }) => [`# ${path}`, ...[...text.matchAll(/\/\/ → (.*)$/gm)].map(([, line]) => line!)])
    assert.equal(output.trim(), said.join('\n'))
  })
}
