import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { BIN, spawned as dure } from './spawned.test-support.ts'
import { dure as here, SOURCES, temporary } from './shell.test-support.ts'

test('start logs JSON, answers calls and stops cleanly on SIGTERM', { timeout: 300_000 }, async () => {
  const data = temporary()
  const running = dure(['start', join(SOURCES, 'shop.test-support.ts'), '--data', data])
  await running.until(/"message":"Ready"/)
  const call = await here(['call', 'orders.find', '{"id":7}', '--data', data])
  assert.equal(call.code, 0, call.err)
  assert.deepEqual(JSON.parse(call.out), { id: 7, at: '1970-01-01T00:00:00.000Z' })
  running.child.kill('SIGTERM')
  assert.equal(await running.exit, 0)
  const lines = running
    .err()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { message: string })
  assert.deepEqual(
    lines.map(({ message }) => message),
    ['Ready', 'Stopped'],
  )
  assert.equal(running.out(), '')
})

test('an old Node is told what to do', { timeout: 300_000 }, async () => {
  const old = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.9.0'}})`
  const { exit, err } = dure(['--version'], { node: ['--import', old], env: { DURE_PINNED: '1' } })
  assert.equal(await exit, 2)
  assert.match(err(), /needs Node 24[^]*20\.9\.0[^]*npm install/)
})

test('packages of two versions in one tree: the first command says which, and what to do', { timeout: 300_000 }, async () => {
  const project = temporary()
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(project, path)), { recursive: true })
    writeFileSync(join(project, path), text)
  }
  const at = (version: string): string => JSON.stringify({ version, type: 'module' })
  const [cli, library] = ['node_modules/@dure/cli', 'node_modules/dure/package.json']
  put(`${cli}/package.json`, JSON.stringify({ version: '0.2.0', type: 'module', peerDependenciesMeta: { dure: {} } }))
  put(`${cli}/dist/main.js`, `export const main = () => console.log('runs')`)
  cpSync(BIN, join(project, cli, 'bin/dure.js'))
  const bin = join(project, cli, 'bin/dure.js')
  assert.match(
    await said(bin),
    /^2: dure 0\.2\.0 works with the package "dure", which is not installed\. Install dure 0\.2\.0 beside it\.$/,
  )
  put(library, at('0.1.0'))
  assert.match(await said(bin), /^2: .*"dure" of the same version, and found 0\.1\.0\. Install both at one version\.$/)
  put(library, at('0.2.0'))
  put('node_modules/@dure/rest/package.json', at('0.1.0'))
  assert.match(
    await said(bin),
    /^2: dure 0\.2\.0 found "@dure\/rest" 0\.1\.0 beside it\. Say one version for all .*: npm install$/,
  )
  put('node_modules/@dure/rest/package.json', at('0.2.0'))
  assert.equal(await said(bin), '0: runs')
})

async function said(bin: string): Promise<string> {
  const { exit, out, err } = dure([], { bin })
  const code = await exit
  return `${code}: ${out()}${err()}`.trim()
}

test('results end quietly when nobody reads on', { timeout: 300_000 }, async () => {
  const { child, exit, err } = dure(['list', join(SOURCES, 'shop.test-support.ts')])
  child.stdout!.destroy()
  assert.equal(await exit, 0)
  assert.equal(err(), '')
})

test('what is compiled is kept beside the packages of a project, and nowhere without them', { timeout: 300_000 }, async () => {
  const [project, bare] = [temporary(), temporary()]
  for (const folder of ['node_modules', 'orders']) mkdirSync(join(project, folder))
  const [bin, options] = [join(temporary(), 'cli/bin/dure.js'), { env: { NODE_COMPILE_CACHE: '' } }]
  cpSync(BIN, bin)
  mkdirSync(join(bin, '../../dist'))
  writeFileSync(join(bin, '../../package.json'), JSON.stringify({ version: '0.2.0', type: 'module' }))
  writeFileSync(join(bin, '../../dist/main.js'), 'export const main = () => {}')
  // The run of all tests has a place of its own.
  assert.equal(await dure([], { bin, cwd: join(project, 'orders'), ...options }).exit, 0)
  assert.ok(existsSync(join(project, 'node_modules/.cache/dure')))
  assert.equal(await dure([], { bin, cwd: bare, ...options }).exit, 0)
  assert.deepEqual(readdirSync(bare), [])
})

test('in a checkout, where nothing is built, the threads of sim run the sources as well', { timeout: 300_000 }, async () => {
  const running = dure([
    'sim',
    join(SOURCES, '../../simulation/src/broken/nothing.system.test-support.ts'),
    '--seeds',
    '2',
    '--threads',
    '2',
  ])
  assert.equal(await running.exit, 0, running.out() + running.err())
  assert.match(running.out(), /^2 seeds: 2 held/)
})

test('a command loads what it needs, and no other one', { timeout: 240_000 }, async () => {
  const listed = `data:text/javascript,import m from 'node:module';
    m.registerHooks({ load: (url, context, next) => (console.log('loaded', url), next(url, context)) })`
  const loadedBy = async (...args: readonly string[]): Promise<string> => {
    const { exit, out } = dure([...args, '--help'], { node: ['--import', listed] })
    assert.equal(await exit, 0)
    return out()
  }
  for (const name of ['start', 'call', 'gateway']) {
    const loaded = await loadedBy(name)
    assert.match(loaded, new RegExp(`cli/src/commands/(?:${name}/)?${name}\\.ts`))
    assert.doesNotMatch(loaded, /cli\/src\/commands\/(?:list|sim)\.ts|dure\/src\/service\/service\.ts|kysely/, name)
  }
  assert.match(await loadedBy(), /commands\/sim\.ts/)
})
