import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { lstatSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Entry } from './entry.ts'
import { collect } from './files.ts'
import { temporary, write } from '../project.test-support.ts'
import { tarBytes } from './tar.ts'

const segment = fc.stringMatching(/^[a-zA-Z0-9 äö두\u{1f600}-]{1,60}$/u).filter((name) => Buffer.byteLength(name) < 200)
const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'))
const content = fc.uint8Array({ maxLength: 1_100 })

test('what is written, tar reads: names and targets of any length and alphabet, contents of any length', (t) => {
  const folder = temporary(t)
  const many = fc.sample(fc.tuple(path, content, path, fc.boolean()), 60)
  // Each below a folder of its own, so that no file stands where another wants a folder.
  const entries = many.flatMap(([name, bytes, target, executable], i): readonly Entry[] => [
    { kind: 'file', path: `${i}/${name}`, content: bytes, executable },
    { kind: 'link', path: `${i}-link`, target },
  ])
  const archive = join(folder, 'all.tar')
  writeFileSync(archive, Buffer.concat([...tarBytes(entries)]))
  const { status, stderr } = spawnSync('tar', ['-xf', archive, '-C', folder], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  for (const [i, [name, bytes, target, executable]] of many.entries()) {
    assert.deepEqual(readFileSync(join(folder, `${i}/${name}`)), Buffer.from(bytes))
    assert.equal((lstatSync(join(folder, `${i}/${name}`)).mode & 0o111) !== 0, executable)
    assert.equal(lstatSync(join(folder, `${i}/${name}`)).mtimeMs, 0)
    assert.equal(readlinkSync(join(folder, `${i}-link`)), target)
  }
})

test('the order in which entries are named is not seen, and folders that nobody named are there', () => {
  const entries: readonly Entry[] = [
    { kind: 'file', path: 'a/b/c', content: Buffer.from('c') },
    { kind: 'file', path: 'a/b-c', content: Buffer.from('b') },
    { kind: 'directory', path: 'a', mode: 0o700, owner: 7 },
  ]
  assert.deepEqual(Buffer.concat([...tarBytes(entries)]), Buffer.concat([...tarBytes(entries.toReversed())]))
  const names = [...tarBytes(entries)].map((block) => /^[\w/-]+/.exec(block.toString('latin1'))?.[0])
  assert.deepEqual(
    names.filter((name) => name?.startsWith('a')),
    ['a/', 'a/b/', 'a/b-c', 'a/b/c'],
  )
})

test('a file that changes while it is read is told, and one that went away', (t) => {
  const folder = temporary(t)
  write(folder, { big: 'x'.repeat(3 << 20), gone: 'y' })
  const entries = collect({ folder, into: '', root: folder, without: () => false })
  const archive = tarBytes(entries)
  archive.next()
  archive.next()
  writeFileSync(join(folder, 'big'), 'z'.repeat(3 << 20))
  assert.throws(() => [...archive], /Cannot put ".*big" into the image: it changed while it was read/)
  assert.throws(() => [...tarBytes(entries)], /it changed while it was read; build again when nobody writes/)
  const { content: found, ...gone } = entries.find((one) => one.path === 'gone') as Entry & { kind: 'file' }
  assert.throws(
    () => [...tarBytes([{ ...gone, content: { ...(found as object), source: join(folder, 'nowhere') } as never }])],
    /it went away while the image was built/,
  )
})
