import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readLines } from './lines.ts'

test('lines are the same however they come, and one that is too long is refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: 'grapheme' })), fc.nat({ max: 7 }), async (lines, step) => {
      const whole = lines.map((line) => line.replaceAll('\n', ' '))
      const bytes = Buffer.from(whole.map((line) => `${line}\n`).join(''))
      async function* pieces(): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < bytes.length; at += step + 1) yield bytes.subarray(at, at + step + 1)
      }
      const read: string[] = []
      for await (const line of readLines(pieces(), 1_000_000)) read.push(line)
      assert.deepEqual(
        read,
        whole.filter((line) => line !== ''),
      )
    }),
  )
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) yield Buffer.alloc(100, 'x')
  }
  await assert.rejects(async () => {
    for await (const line of readLines(endless(), 1_000)) assert.fail(line)
  }, RangeError)
})
