import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { run } from '../shell.ts'
import { askLate, guard, oldestNode } from './node-versions.ts'

const NOTHING = { name: 'dure', version: '1.0.0' }

function files(t: TestContext, texts: Readonly<Record<string, string>>): (path: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'dure-doors-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const [path, text] of Object.entries({ 'package.json': '{ "type": "module" }', ...texts })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return (path) => join(folder, path)
}

test('names that old Nodes lack are asked for when a module runs; imports of types alone are gone', () => {
  const code = `import { createRequire, registerHooks as hook } from 'node:module';
import { join } from 'node:path';
import {} from './types.js';
export {} from './more-types.js';
export const a = 1;
`
  assert.equal(
    askLate(code),
    `const { createRequire, registerHooks: hook } = process.getBuiltinModule('node:module');
import { join } from 'node:path';
export const a = 1;
`,
  )
  assert.equal(
    askLate(`import { argon2, randomBytes as bytes } from 'node:crypto';\nimport { readFileSync } from 'node:fs';\n`),
    `const { argon2, randomBytes: bytes } = process.getBuiltinModule('node:crypto');\nimport { readFileSync } from 'node:fs';\n`,
  )
})

test('a door says what it needs before anything else of it is loaded, and opens where it can', async (t) => {
  const at = files(t, { 'dist/room/door.js': `import './rest.js'\n`, 'dist/room/rest.js': `console.log('loaded')\n` })
  guard({ door: at('dist/room/door.js'), dist: at('dist'), name: 'dure', oldest: '22.13' })
  const asNode = (version: string) => {
    const told = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'${version}'}})`
    return run(process.execPath, ['--import', told, at('dist/room/door.js')])
  }
  for (const old of ['20.20.2', '22.12.0']) {
    const { code, output } = await asNode(old)
    assert.equal(code, 1)
    assert.match(
      output,
      new RegExp(`Cannot load "dure" on Node ${old}: this part of it needs Node 22\\.13 or later\\. Install Node 26, or`),
    )
    assert.doesNotMatch(output, /loaded|\n +at /)
  }
  for (const well of ['22.13.0', '24.0.0']) assert.deepEqual(await asNode(well), { code: 0, output: 'loaded\n' })
})

test('what comes with the chassis needs its Node, through other packages and exports as well', (t) => {
  const at = files(t, {
    'dure/dist/service/service.js': 'export const service = 1\n',
    'dure/dist/data/data.js': `export { a } from './a.js'\n`,
    'dure/dist/data/a.js': 'export const a = 1\n',
    'rest/dist/rest.js': `export * from 'dure/service'\n`,
    'lazy/dist/lazy.js': `export const open = () => import('dure/service')\n`,
  })
  const resolve = (specifier: string) => (specifier === 'dure/service' ? at('dure/dist/service/service.js') : undefined)
  const oldest = (path: string, manifest = {}) => oldestNode(at(path), { ...NOTHING, ...manifest }, resolve)
  assert.equal(oldest('dure/dist/data/data.js'), '22.13')
  assert.equal(oldest('rest/dist/rest.js'), '24.12')
  assert.equal(oldest('lazy/dist/lazy.js'), '22.13')
  assert.equal(oldest('lazy/dist/lazy.js', { engines: { node: '>=24.12' } }), '24.12')
  assert.throws(
    () => oldest('lazy/dist/lazy.js', { engines: { node: '>=18' } }),
    /"engines" says >=18, and may say >=24\.12 only/,
  )
})
