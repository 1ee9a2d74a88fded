import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { importFile } from './load.ts'
import { moduleTrouble, typeTroubles } from './project.ts'

function project(t: TestContext, files: Readonly<Record<string, string>>): (path: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'dure-project-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return (path) => join(folder, path)
}

test('a project of CommonJS is told how to become one of ES modules, before Node says it in its own words', async (t) => {
  const at = project(t, { 'package.json': '{ "type": "commonjs" }', 'src/system.ts': 'export default 1\n' })
  assert.equal(
    moduleTrouble(at('src/system.ts'), at('')),
    '"package.json" says "type": "commonjs", and the file is an ES module; run: npm pkg set type=module',
  )
  await assert.rejects(
    importFile(at('src/system.ts'), 'src/system.ts'),
    /^CliError: Cannot load "src\/system\.ts": .*type=module$/,
  )
})

test('what runs as it is stands in nobody’s way', (t) => {
  const at = project(t, {
    'package.json': '{ "type": "commonjs" }',
    'old.js': "const { contract } = require('dure/contract')\n",
    'new.mts': 'export default 1\n',
    'module/package.json': '{ "type": "module" }',
    'module/system.ts': 'export default 1\n',
    'broken/package.json': '{ "type"',
    'broken/system.ts': 'export default 1\n',
  })
  for (const file of ['old.js', 'new.mts', 'module/system.ts', 'broken/system.ts'])
    assert.equal(moduleTrouble(at(file), at('')), undefined, file)
})

test('without a tsconfig.json, or with an old TypeScript, there is a command that mends it', (t) => {
  const typescript = (version: string) => JSON.stringify({ name: 'typescript', version })
  const at = project(t, {
    'bare/system.ts': '',
    'bare/system.js': '',
    'old/tsconfig.json': '{}',
    'old/system.ts': '',
    'old/node_modules/typescript/package.json': typescript('5.6.3'),
    'well/tsconfig.json': '{}',
    'well/src/system.ts': '',
    'well/node_modules/typescript/package.json': typescript('5.7.2'),
  })
  assert.match(typeTroubles(at('bare/system.ts')).join('\n'), /^No tsconfig\.json.*run: npx -p typescript tsc --init [^\n]*$/)
  assert.match(
    typeTroubles(at('old/system.ts')).join('\n'),
    /^TypeScript 5\.6\.3 [^\n]*run: npm install --save-dev typescript@latest$/,
  )
  assert.deepEqual(typeTroubles(at('well/src/system.ts')), [])
  assert.deepEqual(typeTroubles(at('bare/system.js')), [])
})
