import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dure, linkLibrary, temporary } from './shell.test-support.ts'

/** A system of the tests beside this one. */
const SHOP = 'shop.test-support.ts'
const LINUX = { skip: process.platform === 'linux' ? false : 'images are built on Linux' }

/** A program small enough to be compressed at once stands for Node. */
const SMALL = ['--node', '/bin/true', '--layout', 'image']

test('dure image: builds what a system file or a program is in, and says what cannot be', LINUX, async () => {
  const cwd = temporary()
  linkLibrary(cwd)
  mkdirSync(join(cwd, 'src'))
  writeFileSync(join(cwd, 'package.json'), '{ "name": "shop", "version": "1.4.0", "type": "module" }')
  writeFileSync(join(cwd, 'package-lock.json'), '{ "lockfileVersion": 3, "packages": { "": { "name": "shop" } } }')
  writeFileSync(join(cwd, 'src/main.ts'), '')
  const image = (...words: readonly string[]): ReturnType<typeof dure> => dure(['image', ...words], { cwd })
  const built = await image('build', '--program', 'src/main.ts', ...SMALL, '--output', 'out/shop.tar')
  assert.match(built.out, /^base +\S+ [kM]B\napplication +1 kB\n2 layers as "latest" in image\nsha256:/, built.err)
  const digest = built.out.trim().split('\n').at(-1)!
  assert.ok(readFileSync(join(cwd, 'out/shop.tar')).includes(digest.slice(7)))
  const again = JSON.parse(
    (await image('build', '--program', 'src/main.ts', ...SMALL, '--output', 'out/shop.tar', '--json')).out,
  ) as { digest: string }
  assert.equal(again.digest, digest)
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['build'], 2, /Cannot find the system file "system\.ts"/],
    [
      ['build', 'src/main.ts', ...SMALL],
      1,
      /^Cannot have the image run "dure start": @dure\/cli is not among the "dependencies"/,
    ],
    [['build', 'orders', '--program', 'src/main.ts'], 2, /it is the one or the other/],
    [['build', '--program', 'gone.ts', ...SMALL], 1, /Cannot run "gone\.ts" in the image: there is no such file/],
    [['push', 'shop'], 1, /write HOST\[:PORT\]\/NAME\[:TAG\]/],
    [
      ['push', '127.0.0.1:1/shop', '--tag', 'other', '--layout', 'image'],
      1,
      /Cannot find the image "other" in ".*": it has "latest"/,
    ],
  ]
  for (const [words, code, why] of cases) {
    const said = await image(...words)
    assert.equal(said.code, code, said.err)
    assert.match(said.err, why)
    assert.doesNotMatch(said.err, /^ +at /m)
  }
})

test('dure release: writes what a system is, shows it, and refuses another in its place', async () => {
  const cwd = temporary()
  const digest = `sha256:${'b'.repeat(64)}`
  const release = (...words: readonly string[]): ReturnType<typeof dure> =>
    dure(['release', ...words], { cwd: import.meta.dirname })
  const out = join(cwd, 'release.json')
  const write = (image: string, version = '1.4.0'): ReturnType<typeof dure> =>
    release('write', SHOP, '--version', version, '--image', image, '--out', out)
  const written = await write(`registry.example/shop@${digest}`)
  assert.match(
    written.out,
    /^shop 1\.4\.0\nImage {4}registry\.example\/shop@sha256:b+\n {2}orders {2}1\.2\.0 {2}0 migrations\n/,
    written.err,
  )
  assert.equal((await release('show', out)).out, written.out)
  assert.match((await write(digest, '1.5.0')).err, /another one is there, and a release does not change/)
  assert.match((await write('shop:latest')).err, /Cannot make a release of the image "shop:latest": name it by its digest/)
  writeFileSync(out, readFileSync(out, 'utf8').replace('1.4.0', '1.4.1'))
  const changed = await release('show', out)
  assert.equal(changed.code, 1)
  assert.match(changed.err, /its content is sha256:/)
})
