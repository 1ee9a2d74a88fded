import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createReplies, type Reply } from './replies.ts'

const flag = fc.tuple(fc.constantFrom('c', 't', 's', 'h'), fc.nat()).map(([letter, number]) => `${letter}${number}`)
const flags = fc.array(flag, { maxLength: 3 })
const written = fc.oneof(
  fc.tuple(fc.constantFrom('HD', 'EN', 'NF', 'NS', 'EX'), flags).map(([code, words]) => ({
    bytes: Buffer.from([code, ...words].join(' ') + '\r\n'),
    seen: { code, value: undefined },
  })),
  fc.tuple(fc.uint8Array({ maxLength: 300 }), flags).map(([value, words]) => ({
    bytes: Buffer.concat([Buffer.from([`VA ${value.length}`, ...words].join(' ') + '\r\n'), value, Buffer.from('\r\n')]),
    seen: { code: 'VA', value: Buffer.from(value) },
  })),
)

test('answers are the same in whatever pieces they come', () => {
  fc.assert(
    fc.property(
      fc.array(written, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      (all, sizes) => {
        const bytes = Buffer.concat(all.map((one) => one.bytes))
        const replies = createReplies()
        const made: Reply[] = []
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length]!
          made.push(...replies.take(bytes.subarray(at, at + size)))
          at += size
        }
        assert.deepEqual(
          made.map(({ code, value }) => ({ code, value })),
          all.map(({ seen }) => seen),
        )
      },
    ),
  )
})

test('what is no answer is told, and holds no memory', () => {
  for (const text of [
    'HI\r\n',
    'VA x\r\n',
    'VA -1\r\n',
    'VA 999999999999\r\n',
    `${'x'.repeat(3_000)}`,
    'VA 2 c1\r\nabcd\r\n',
    '\r\n',
    'hd\r\n',
  ])
    assert.throws(() => createReplies().take(Buffer.from(text)), Error, text.slice(0, 20))
  assert.equal(
    createReplies().take(Buffer.from('SERVER_ERROR out of memory storing object\r\n'))[0]?.failure?.slice(0, 12),
    'SERVER_ERROR',
  )
  assert.equal(createReplies().take(Buffer.from('VA 2 c77 t-1\r\nab\r\n'))[0]?.flags.get('t'), '-1')
})
