import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CreateError } from './errors.ts'
import { main } from './main.ts'
import { projectFiles, RECORD, type ProjectOptions } from './project.ts'
import { writeProject } from './write.ts'

const PACKAGES = join(dirname(fileURLToPath(import.meta.url)), '../../../../node_modules')

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dure-create-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const options = (folder: string, rest: Partial<ProjectOptions> = {}): ProjectOptions => ({
  ...{ name: 'my-shop', template: 'first', lang: 'en', version: '0.1.0' },
  folder,
  ...rest,
})

const refused = (pattern: RegExp) => (thrown: unknown) => thrown instanceof CreateError && pattern.test(thrown.message)

/** What a program printed; the sources of this repository stand for what is published. */
function run(folder: string, words: readonly string[], code = 0): string {
  // Tests that begin tests would report to this one.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const ended = spawnSync(process.execPath, words, { cwd: folder, encoding: 'utf8', env })
  assert.equal(ended.status, code, `${words.join(' ')}\n${ended.stdout}${ended.stderr}`)
  return ended.stdout
}

for (const template of ['first', 'shop'] as const) {
  for (const lang of ['en', 'ko'] as const) {
    test(`the project "${template}" in ${lang} compiles and passes its tests`, { timeout: 120_000 }, (t) => {
      const folder = join(temporary(t), 'my-shop')
      writeProject({ folder, files: projectFiles(options(folder, { template, lang })), made: {} })
      symlinkSync(PACKAGES, join(folder, 'node_modules'))
      const sources = ['--customConditions', 'dure-source', '--lib', 'es2024,esnext.iterator,esnext.disposable']
      run(folder, ['node_modules/typescript/bin/tsc', ...sources])
      const tests = run(folder, ['node_modules/@dure/cli/bin/dure.js', 'test', '--lang', 'en'])
      assert.match(tests, /Nothing was caught by [1-9]\d* tests/)
      const korean = /[가-힣]/
      for (const path of ['README.md', 'src/system.ts', 'src/order/service.ts', 'src/notes/service.ts']) {
        if (existsSync(join(folder, path)) && path !== 'src/system.ts')
          assert.equal(korean.test(readFileSync(join(folder, path), 'utf8')), lang === 'ko', path)
      }
    })
  }
}

test('the shop holds whatever crashes: dure sim finds nothing', { timeout: 240_000 }, (t) => {
  const folder = join(temporary(t), 'my-shop')
  writeProject({ folder, files: projectFiles(options(folder, { template: 'shop' })), made: {} })
  symlinkSync(PACKAGES, join(folder, 'node_modules'))
  assert.match(run(folder, ['node_modules/@dure/cli/bin/dure.js', 'sim', '--seeds', '20']), /20 held, 0 did not/)
})

test('the layering test of a project finds each import that points the wrong way', (t) => {
  const folder = join(temporary(t), 'my-shop')
  writeProject({ folder, files: projectFiles(options(folder, { template: 'shop' })), made: {} })
  const prepend = (file: string, line: string): void => {
    const path = join(folder, 'src', file)
    writeFileSync(path, `${line}\n${readFileSync(path, 'utf8')}`)
  }
  const layering = ['--test', 'src/layering.test.ts']
  run(folder, layering)
  prepend('stock/domain/reserve.ts', `import { stockDatabase } from '../store/stock.ts'`)
  prepend('order/domain/status.ts', `import type {\n  Charge,\n} from '../../payment/domain/provider.ts'`)
  prepend('order/domain/status.ts', `export const now = (await import('node:os')).uptime`)
  prepend('order/store/orders.ts', `export { order } from '../service.ts'\nexport const text = "taken from 'nowhere'"`)
  prepend('payment/service.ts', `import '../stock/store/stock.ts'\nimport { Stock } from '../stock/contract.ts'`)
  const found = run(folder, layering, 1)
  assert.deepEqual(
    [...new Set([...found.matchAll(/src\/\S+ imports "[^"]+": (?:a domain|of another|service\.ts)/g)].map(([line]) => line))],
    [
      'src/order/domain/status.ts imports "node:os": a domain',
      'src/order/domain/status.ts imports "../../payment/domain/provider.ts": a domain',
      'src/order/store/orders.ts imports "../service.ts": service.ts',
      'src/payment/service.ts imports "../stock/store/stock.ts": of another',
      'src/stock/domain/reserve.ts imports "../store/stock.ts": a domain',
    ],
  )
})

test('what was made is noted with a hash of each file', (t) => {
  const folder = join(temporary(t), 'my-shop')
  writeProject({ folder, files: projectFiles(options(folder)), made: { version: '0.1.0', template: 'first' } })
  const { files, ...made } = JSON.parse(readFileSync(join(folder, RECORD), 'utf8')) as { files: Record<string, string> }
  assert.deepEqual(made, { version: '0.1.0', template: 'first' })
  assert.match(files['src/system.ts'] ?? '', /^[0-9a-f]{64}$/)
  assert.deepEqual(readdirSync(folder).toSorted(), [
    '.github',
    '.gitignore',
    'README.md',
    RECORD,
    'package.json',
    'src',
    'tsconfig.json',
  ])
})

test('a folder that is not empty, and a file in its place, are refused and left as they were', (t) => {
  const folder = temporary(t)
  writeFileSync(join(folder, 'mine.txt'), 'mine')
  const files = projectFiles(options(folder))
  assert.throws(() => writeProject({ folder, files, made: {} }), refused(/not empty \(mine\.txt\)\. Say a folder/))
  assert.throws(() => writeProject({ folder: join(folder, 'mine.txt'), files, made: {} }), refused(/a file of that name/))
  assert.deepEqual(readdirSync(folder), ['mine.txt'])
})

test('a repository without files yet counts as empty', (t) => {
  const folder = temporary(t)
  mkdirSync(join(folder, '.git'))
  writeProject({ folder, files: projectFiles(options(folder)), made: {} })
  assert.ok(existsSync(join(folder, '.git')) && existsSync(join(folder, 'src/system.ts')))
})

test('a write that fails in the middle leaves nothing, not even the folders above', (t) => {
  const root = temporary(t)
  const folder = join(root, 'a/b')
  // A file that is to be a folder as well stands for a disk that takes no more.
  const files = { 'one.txt': '1', 'one.txt/two.txt': '2' }
  assert.throws(() => writeProject({ folder, files, made: {} }), refused(/Nothing was left there/))
  assert.deepEqual(readdirSync(root), [])
  mkdirSync(folder, { recursive: true })
  assert.throws(() => writeProject({ folder, files, made: {} }), refused(/Nothing was left there/))
  assert.deepEqual(readdirSync(folder), [])
})

test('a disk that is full in the middle leaves nothing', (t) => {
  const disk = mkdtempSync(join(tmpdir(), 'dure-full-'))
  t.after(() => {
    spawnSync('umount', [disk])
    rmSync(disk, { recursive: true, force: true })
  })
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', disk]).status !== 0)
    return t.skip('needs the right to mount a small disk; the test before has a write fail')
  const folder = join(disk, 'my-shop')
  assert.throws(
    () => writeProject({ folder, files: projectFiles(options(folder)), made: {} }),
    refused(/Cannot write the project to ".*my-shop": ENOSPC[^]*Nothing was left there; mend that and call it again\.$/),
  )
  assert.deepEqual(readdirSync(disk), [])
})

test('names that npm refuses are refused with one that it takes', () => {
  for (const name of ['', 'My Shop', '.hidden', '두레', 'node_modules', 'dure', 'a/b', 'x'.repeat(215)]) {
    assert.throws(() => projectFiles(options('/x', { name })), refused(/such as my-shop/), name)
  }
})

test('a folder of tarballs without ours is refused, and with them they are named from the project', (t) => {
  const root = temporary(t)
  const [folder, from] = [join(root, 'my-shop'), join(root, 'tarballs')]
  mkdirSync(from)
  assert.throws(() => projectFiles(options(folder, { from })), refused(/npm run pack:all/))
  const named = Object.entries(projectPackages(folder)).filter(([, version]) => version === '0.1.0')
  for (const [name] of named) writeFileSync(join(from, `${name.replace('@', '').replace('/', '-')}-0.1.0.tgz`), '')
  assert.equal(projectPackages(folder, from)['@dure/rest'], 'file:../tarballs/dure-rest-0.1.0.tgz')
})

const projectPackages = (folder: string, from?: string): Readonly<Record<string, string>> =>
  (JSON.parse(projectFiles(options(folder, { from }))['package.json']!) as Manifest).dependencies!
type Manifest = { readonly name: string; readonly dependencies?: Readonly<Record<string, string>> }

test('a project names all that its packages of Dure work with, which npm does not look for by itself', () => {
  const packages = join(dirname(fileURLToPath(import.meta.url)), '../../..')
  const all = new Map(
    globSync(['*/package.json', '*/*/package.json'], { cwd: packages }).map((file) => {
      const manifest = JSON.parse(readFileSync(join(packages, file), 'utf8')) as Manifest
      return [manifest.name, manifest]
    }),
  )
  const ours = (of: Manifest): readonly string[] => Object.keys(of.dependencies ?? {}).filter((name) => all.has(name))
  const needed = new Set(['@dure/cli', '@dure/rest', '@dure/simulation', '@dure/testing'])
  // It grows while it is walked through.
  for (const name of needed) for (const other of ours(all.get(name)!)) needed.add(other)
  const named = Object.keys(projectPackages('/x')).filter((name) => all.has(name))
  assert.deepEqual(named.toSorted(), [...needed].toSorted())
})

test('the command writes a project without asking, and says what is wrong in one sentence', async (t) => {
  const root = temporary(t)
  const quietly = async (words: readonly string[]): Promise<{ code: number; out: string }> => {
    let out = ''
    const take = (text: unknown): boolean => ((out += String(text)), true)
    const mocks = [t.mock.method(process.stdout, 'write', take), t.mock.method(process.stderr, 'write', take)]
    try {
      return { code: await main(words), out }
    } finally {
      for (const mock of mocks) mock.mock.restore()
    }
  }
  const there = join(root, 'my-shop')
  const made = await quietly([there, '--yes', '--no-install', '--lang', 'ko'])
  assert.equal(made.code, 0, made.out)
  assert.match(made.out, /만들었습니다[^]*npm install\n {2}npm run dev/)
  assert.equal((await quietly([there, '--yes', '--no-install'])).code, 1)
  assert.deepEqual(await quietly([join(root, 'other'), '--template', 'big', '--yes']), {
    ...{ code: 1, out: 'Cannot take --template "big": say first or shop.\n' },
  })
  const wrong = await quietly([there, '--tmplate', 'first'])
  assert.equal(wrong.code, 2)
  assert.match(wrong.out, /tmplate[^]*npm create dure my-shop/)
})

test(
  'no network, and a registry without Dure: the project is there without its packages, and what to do is said',
  { timeout: 120_000 },
  async (t) => {
    const root = temporary(t)
    const server = createServer((_, response) => void response.writeHead(404, { 'content-type': 'application/json' }).end('{}'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const { port } = server.address() as AddressInfo
    // Port 9 is nobody's.
    for (const [name, registry] of [
      ['lacking', `http://127.0.0.1:${port}/`],
      ['no-network', 'http://127.0.0.1:9/'],
    ] as const) {
      const bin = join(dirname(fileURLToPath(import.meta.url)), '../bin/create-dure.js')
      const npm = { npm_config_registry: registry, npm_config_fetch_retries: '0', npm_config_cache: join(root, 'cache') }
      const child = spawn(process.execPath, [bin, name, '--yes', '--lang', 'en'], { cwd: root, env: { ...process.env, ...npm } })
      let said = ''
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)))
      const [code] = await once(child, 'close')
      assert.equal(code, 1, said)
      assert.match(
        said,
        /npm (?:error|ERR!) [^]*Cannot install what the project needs: npm ended with 1[^\n]*without its packages\.[^\n]*run "npm install" there[^\n]*--from/,
      )
      assert.match(said, new RegExp(`Then:\n\n {2}cd ${name}\n {2}npm install\n {2}npm run dev`))
      assert.ok(existsSync(join(root, name, 'src/system.ts')))
      assert.ok(!existsSync(join(root, name, 'node_modules')))
    }
  },
)
