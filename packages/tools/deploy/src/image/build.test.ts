import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { exportImage } from './export.ts'
import type { Image } from './build.ts'
import { openLayout, type Descriptor, type Manifest } from './layout.ts'
import { built, project, temporary, write } from '../project.test-support.ts'

const LINUX = { skip: process.platform === 'linux' ? false : 'images are built on Linux' }

const layerOf = (image: Image, name: string) => image.layers.find((each) => each.name === name)!
const read = (image: Image, blob: { readonly digest: string }): Buffer => readFileSync(openLayout(image.layout).path(blob.digest))
const manifestOf = (image: Image, digest: string): Manifest => JSON.parse(read(image, { digest }).toString()) as Manifest

/** What tar finds in a layer. */
function listed(t: TestContext, image: Image, name: string): readonly string[] {
  const file = join(temporary(t), 'layer.tar')
  writeFileSync(file, gunzipSync(read(image, layerOf(image, name))))
  const { stdout, status } = spawnSync('tar', ['-tf', file], { encoding: 'utf8' })
  assert.equal(status, 0)
  return stdout.split('\n').filter((path) => path !== '' && !path.endsWith('/'))
}

test('the same files are the same image to the byte, wherever and whenever it is built', LINUX, async (t) => {
  const folder = project(t)
  const one = await built(t, folder)
  // The same files elsewhere, with other times and other rights.
  const other = project(t)
  chmodSync(join(other, 'main.js'), 0o600)
  utimesSync(join(other, 'node_modules/one/index.js'), 7, 7)
  const two = await built(t, other)
  assert.equal(one.digest, two.digest)
  const files = (image: Image): readonly string[] => readdirSync(image.layout, { recursive: true, encoding: 'utf8' }).sort()
  assert.deepEqual(files(one), files(two))
  for (const image of [one, two]) await exportImage(image.layout, `${image.layout}.tar`)
  assert.deepEqual(readFileSync(`${one.layout}.tar`), readFileSync(`${two.layout}.tar`))
})

test('a change of code is another layer of the application, and no other; what nobody needs is removed', LINUX, async (t) => {
  const folder = project(t)
  const before = await built(t, folder)
  write(folder, { 'main.js': 'console.log("another")\n' })
  const after = await built(t, folder, { layout: before.layout })
  const changed = before.layers.filter(({ digest }, i) => after.layers[i]!.digest !== digest).map(({ name }) => name)
  assert.deepEqual(changed, ['application'])
  assert.notEqual(after.digest, before.digest)
  const blobs = readdirSync(join(after.layout, 'blobs/sha256'))
  assert.ok(!blobs.includes(layerOf(before, 'application').digest.slice(7)))
  // Three layers, a manifest and a configuration; two documents, their manifests and the empty one.
  assert.equal(blobs.length, 10)
})

test('layers whose files are as they were are not read again; those of young files are', LINUX, async (t) => {
  const image = await built(t, project(t))
  const folder = project(t)
  const again = await built(t, folder, { layout: image.layout })
  // The base is older than any test.
  assert.deepEqual(
    again.layers.map(({ name, isReused }) => [name, isReused]),
    [
      ['base', true],
      ['dependencies', false],
      ['application', false],
    ],
  )
  // A blob that was lost is made again.
  rmSync(openLayout(image.layout).path(layerOf(image, 'base').digest))
  assert.equal(layerOf(await built(t, folder, { layout: image.layout }), 'base').isReused, false)
})

test('it has what the lock says, and neither hidden files, tests, tools nor what is for other systems', LINUX, async (t) => {
  const image = await built(t, project(t))
  assert.deepEqual(listed(t, image, 'dependencies'), [
    'app/node_modules/one/index.js',
    'app/node_modules/one/node_modules/two/index.js',
    'app/node_modules/one/node_modules/two/package.json',
    'app/node_modules/one/package.json',
  ])
  assert.deepEqual(listed(t, image, 'application'), [
    'app/main.js',
    'app/package-lock.json',
    'app/package.json',
    'app/src/shop.js',
  ])
  const base = listed(t, image, 'base')
  assert.ok(base.includes('usr/bin/node') && base.some((path) => path.includes('libc.')))
  assert.deepEqual(
    base.filter((path) => /(?:^|\/)(?:sh|bash|apt|su)$/.test(path)),
    [],
  )
})

test('"files" of package.json says what is taken', LINUX, async (t) => {
  const manifest = (files: unknown): Readonly<Record<string, string>> => ({
    'package.json': JSON.stringify({ name: 'shop', files }),
  })
  const image = await built(t, project(t, { ...manifest(['src', '*.js', '.env']), 'notes.txt': 'no' }))
  assert.deepEqual(listed(t, image, 'application'), ['app/.env', 'app/main.js', 'app/package.json', 'app/src/shop.js'])
  for (const [files, why] of [
    [['../secret'], /lies outside|nothing is there/],
    [['dist'], /Cannot take "dist" of "files" in "package\.json": nothing is there/],
    [['!src'], /only what is to be taken can be said/],
    ['src', /it is no list of paths/],
  ] as const)
    await assert.rejects(built(t, project(t, manifest(files))), { code: 'FILE', message: why })
  const folder = project(t, manifest(['../*']))
  await assert.rejects(built(t, folder), { code: 'FILE', message: /it lies outside of/ })
})

test('packages of the same workspace stand where they stand there, in a layer of their own', LINUX, async (t) => {
  const root = temporary(t)
  const lock = {
    lockfileVersion: 3,
    packages: {
      '': { workspaces: ['packages/*', 'apps/*'] },
      'apps/shop': { version: '1.0.0', dependencies: { model: '*' } },
      'packages/model': { version: '1.0.0', dependencies: { one: '1.0.0' } },
      'node_modules/model': { resolved: 'packages/model', link: true },
      'node_modules/one': { version: '1.0.0' },
    },
  }
  write(root, {
    'package-lock.json': JSON.stringify(lock),
    'apps/shop/package.json': '{"name":"shop"}',
    'apps/shop/main.js': '',
    'packages/model/package.json': '{"name":"model","files":["index.js"]}',
    'packages/model/index.js': '',
    'packages/model/notes.md': '',
    'packages/other/index.js': '',
    'node_modules/one/package.json': '{"version":"1.0.0"}',
  })
  symlinkSync('../packages/model', join(root, 'node_modules/model'))
  const image = await built(t, join(root, 'apps/shop'))
  assert.deepEqual(listed(t, image, 'packages'), ['app/packages/model/index.js', 'app/packages/model/package.json'])
  assert.deepEqual(listed(t, image, 'dependencies'), ['app/node_modules/model', 'app/node_modules/one/package.json'])
  assert.deepEqual(listed(t, image, 'application'), ['app/apps/shop/main.js', 'app/apps/shop/package.json'])
  const outside = { ...lock.packages, 'node_modules/model': { resolved: '../model', link: true } }
  write(root, { 'package-lock.json': JSON.stringify({ lockfileVersion: 3, packages: outside }) })
  await assert.rejects(built(t, join(root, 'apps/shop')), /it is linked from "\.\.\/model", outside .* make it a workspace/)
})

test('what may not be in an image is refused with what to do', LINUX, async (t) => {
  const outside = temporary(t)
  write(outside, { secret: '1234' })
  const cases: readonly (readonly [(folder: string) => void, RegExp])[] = [
    [(folder) => chmodSync(join(folder, 'main.js'), 0o4755), /"main\.js" .* setuid or setgid bit; run: chmod ug-s "main\.js"/],
    [(folder) => chmodSync(join(folder, 'node_modules/one/index.js'), 0o2644), /"node_modules\/one\/index\.js" .* setgid/],
    [(folder) => symlinkSync(join(outside, 'secret'), join(folder, 'link')), /"link" .* which leads out of/],
    [(folder) => symlinkSync('../../..', join(folder, 'src/up')), /"src\/up" .* leads out of/],
    [(folder) => symlinkSync('nowhere', join(folder, 'link')), /it is a link to "nowhere", which leads nowhere; remove it/],
    [
      (folder) => {
        symlinkSync(outside, join(folder, '.out'))
        symlinkSync('.out/secret', join(folder, 'link'))
      },
      /it is a link that leads to ".*secret", out of/,
    ],
    [(folder) => void spawnSync('mkfifo', [join(folder, 'pipe')]), /"pipe" .* it is no file but a socket, pipe or device/],
    [(folder) => writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff])]), ''), /its name is not UTF-8/],
    [
      (folder) => rmSync(join(folder, 'node_modules/one'), { recursive: true }),
      /the package "one": it is not installed; run: npm ci/,
    ],
    [
      (folder) => write(folder, { 'node_modules/one/package.json': '{"version":"1.0.1"}' }),
      /says 1\.0\.0, and 1\.0\.1 is installed/,
    ],
    [(folder) => rmSync(join(folder, 'package-lock.json')), /there is no package-lock\.json there or above; run: npm install/],
    [(folder) => write(folder, { 'package-lock.json': '{"lockfileVersion":1}' }), /it is of a version before 2/],
    [(folder) => rmSync(join(folder, 'main.js')), /Cannot run "main\.js" in the image: there is no such file/],
  ]
  for (const [spoil, why] of cases) {
    const folder = project(t)
    spoil(folder)
    await assert.rejects(built(t, folder), { name: 'DeployError', message: why })
  }
  const whole = project(t)
  await assert.rejects(built(t, whole, { program: ['../main.js'] }), /it lies outside of/)
  await assert.rejects(built(t, whole, { program: undefined }), /@dure\/cli is not among the "dependencies"/)
  await assert.rejects(built(t, whole, { node: join(whole, 'main.js') }), /is no program for Linux on x64 or arm64/)
  await assert.rejects(built(t, whole, { tag: 'a b' }), /a tag has letters/)
  await assert.rejects(built(t, whole, { layout: outside }), {
    code: 'LAYOUT',
    message: /it has no file "oci-layout"; choose an empty folder/,
  })
})

test('a link inside the project is a link in the image, and hard links are files', LINUX, async (t) => {
  const folder = project(t)
  symlinkSync(join(folder, 'src'), join(folder, 'code'))
  linkSync(join(folder, 'main.js'), join(folder, 'again.js'))
  const image = await built(t, folder)
  const paths = listed(t, image, 'application')
  assert.ok(paths.includes('app/code') && paths.includes('app/again.js') && !paths.includes('app/code/shop.js'))
})

test('an image that fails in the middle leaves the one before, and nothing half written', LINUX, async (t) => {
  const folder = project(t)
  const image = await built(t, folder)
  const before = readdirSync(image.layout, { recursive: true }).sort()
  mkdirSync(join(folder, 'more'))
  symlinkSync('nowhere', join(folder, 'more/link'))
  await assert.rejects(built(t, folder, { layout: image.layout }))
  assert.deepEqual(readdirSync(image.layout, { recursive: true }).sort(), before)
  // What was spoilt on the disk is not handed on.
  const layout = openLayout(image.layout)
  writeFileSync(layout.path(image.digest), 'x'.repeat(layout.find('latest').image.size))
  assert.throws(() => layout.read(layout.find('latest').image), { code: 'LAYOUT', message: /its content has another digest/ })
})

test('its configuration runs Node as nobody; labels, parts and provenance say what it is', LINUX, async (t) => {
  const revision = 'a'.repeat(40)
  const more = { revision, source: 'https://example.org/shop', created: '2026-01-02T03:04:05Z', command: ['--fast'] }
  const image = await built(t, project(t), more)
  const manifest = manifestOf(image, image.digest)
  const { created, config, os } = JSON.parse(read(image, manifest.config).toString()) as {
    readonly created: string
    readonly os: string
    readonly config: Readonly<Record<string, unknown>> & { readonly Labels: Readonly<Record<string, string>> }
  }
  assert.deepEqual([created, os, config['User']], ['2026-01-02T03:04:05Z', 'linux', '65532:65532'])
  assert.deepEqual(
    [config['Entrypoint'], config['Cmd'], config['WorkingDir']],
    [['/usr/bin/node', 'main.js'], ['--fast'], '/app'],
  )
  assert.equal(config.Labels['org.opencontainers.image.version'], '1.2.3')
  assert.equal(config.Labels['org.opencontainers.image.revision'], revision)
  const documents = image.attached.map(({ type, digest }) => {
    const { subject, layers } = manifestOf(image, digest)
    assert.equal(subject?.digest, image.digest)
    return [type, JSON.parse(read(image, layers[0] as Descriptor).toString())] as const
  })
  const [[, parts], [, provenance]] = documents as unknown as [readonly [string, Parts], readonly [string, Provenance]]
  assert.deepEqual(
    parts.components.filter(({ purl }) => purl?.startsWith('pkg:npm/')).map(({ purl }) => purl),
    ['pkg:npm/one@1.0.0', 'pkg:npm/two@2.0.0'],
  )
  assert.deepEqual(parts.components.find(({ name }) => name === 'one')?.hashes, [{ alg: 'SHA-512', content: '000102' }])
  assert.deepEqual(parts.dependencies.find(({ ref }) => ref === 'application')?.dependsOn, ['node', 'node_modules/one'])
  assert.equal(provenance.subject[0]!.digest.sha256, image.digest.slice(7))
  assert.equal(provenance.predicate.buildDefinition.resolvedDependencies[0]!.digest['gitCommit'], revision)
})

type Parts = {
  readonly components: readonly { readonly name: string; readonly purl?: string; readonly hashes?: unknown }[]
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[]
}
type Provenance = {
  readonly subject: readonly { readonly digest: { readonly sha256: string } }[]
  readonly predicate: {
    readonly buildDefinition: { readonly resolvedDependencies: readonly { readonly digest: Readonly<Record<string, string>> }[] }
  }
}

test('two names of one image are two, and what is attached to it stays while it has one', LINUX, async (t) => {
  const folder = project(t)
  const one = await built(t, folder, { tag: 'one' })
  await built(t, folder, { tag: 'two', layout: one.layout })
  write(folder, { 'main.js': 'console.log(2)\n' })
  const next = await built(t, folder, { tag: 'one', layout: one.layout })
  const layout = openLayout(one.layout)
  assert.equal(layout.find('two').image.digest, one.digest)
  assert.equal(layout.find('two').attached.length, 2)
  assert.equal(layout.find('one').image.digest, next.digest)
  assert.throws(() => layout.find('three'), /Cannot find the image "three" in ".*": it has "one", "two"/)
})
