import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dure, linkLibrary, temporary } from './shell.test-support.ts'

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
