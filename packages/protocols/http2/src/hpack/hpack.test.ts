import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createDecoder, createEncoder } from './hpack.ts'
import { decodeHuffman, encodeHuffman, huffmanLength } from './huffman.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
/** Reads blocks one after the other, as those of one connection. */
function reading(limit = 65_536): (block: Uint8Array) => readonly (readonly string[])[] | 'large' | 'wrong' {
  const decoder = createDecoder(limit)
  return (block) => {
    // Anywhere in a chunk.
    const bytes = Buffer.concat([Buffer.from('..'), block, Buffer.from('...')])
    const read = decoder.decode(bytes, 2, 2 + block.length)
    return typeof read === 'string' ? read : pairs(read.fields)
  }
}
const pairs = (fields: readonly string[]): readonly (readonly string[])[] =>
  Array.from({ length: fields.length / 2 }, (_, i) => [fields[i * 2]!, fields[i * 2 + 1]!])

const GET = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'www.example.com'],
]

test('RFC 7541, appendix C: literals, requests and answers, plain and in Huffman, and a table that forgets', () => {
  const one = (block: string): unknown => reading()(hex(block))
  assert.deepEqual(one('400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572'), [['custom-key', 'custom-header']])
  assert.deepEqual(one('040c 2f73 616d 706c 652f 7061 7468'), [[':path', '/sample/path']])
  assert.deepEqual(one('1008 7061 7373 776f 7264 0673 6563 7265 74'), [['password', 'secret']])
  assert.deepEqual(one('82'), [[':method', 'GET']])
  const second = [...GET, ['cache-control', 'no-cache']]
  const third = [GET[0], [':scheme', 'https'], [':path', '/index.html'], GET[3], ['custom-key', 'custom-value']]
  for (const blocks of [
    [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ],
    [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ],
  ])
    assert.deepEqual(blocks.map((block) => hex(block)).map(reading()), [GET, second, third])
  const answer = [
    ['cache-control', 'private'],
    ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
    ['location', 'https://www.example.com'],
  ]
  assert.deepEqual(
    [
      // A table of 256 bytes, as in C.6.
      '3fe101 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
      '4883 640e ffc1 c0bf',
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
    ]
      .map((block) => hex(block))
      .map(reading()),
    [
      [[':status', '302'], ...answer],
      [[':status', '307'], ...answer],
      [
        [':status', '200'],
        answer[0],
        ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'],
        answer[2],
        ['content-encoding', 'gzip'],
        ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
      ],
    ],
  )
})

test('every byte has a code, and what is no code, or is padded with more than there may be, is refused', () => {
  const text = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('')
  const bytes = Buffer.alloc(huffmanLength(text))
  assert.equal(encodeHuffman(text, bytes, 0), bytes.length)
  const back = Buffer.alloc(bytes.length * 2)
  assert.equal(decodeHuffman(bytes, 0, bytes.length, back), 256)
  assert.equal(back.toString('latin1', 0, 256), text)
  const decode = (block: string): number => decodeHuffman(hex(block), 0, hex(block).length, back)
  assert.equal(decode('f1e3c2e5f23a6ba0ab90f4ff'), 'www.example.com'.length)
  // Eight bits of padding; padding with zeros; the end of text, which is never sent.
  for (const wrong of ['f1e3c2e5f23a6ba0ab90f4ffff', '18', 'ffffffff', 'fffffffc']) assert.equal(decode(wrong), -1, wrong)
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
      (text) => {
        const bytes = Buffer.alloc(huffmanLength(text))
        encodeHuffman(text, bytes, 0)
        return back.toString('latin1', 0, decodeHuffman(bytes, 0, bytes.length, back)) === text
      },
    ),
  )
})

const name = fc.constantFrom(':status', 'content-type', 'x-a', 'x-b', 'set-cookie', 'date', 'grpc-status', 'a'.repeat(200))
const value = fc.oneof(
  fc.constantFrom('', '200', 'application/grpc', '0', 'é'),
  fc.string({ maxLength: 400 }).map((text) => text.trim()),
)
const list = fc.array(fc.tuple(name, value), { maxLength: 8 })

test('what is written is read, whatever came before it, and however large the table may be', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(list, fc.integer({ min: 0, max: 8_000 })), { maxLength: 12 }), (steps) => {
      const encoder = createEncoder()
      const read = reading(1_000_000)
      const lists = steps.map((step) => (typeof step === 'number' ? step : [...step]))
      // Twice, the second time from what is remembered.
      for (const step of [...lists, ...lists]) {
        if (typeof step === 'number') encoder.resize(step)
        else
          assert.deepEqual(
            read(encoder.encode(step)),
            step.map((pair) => [...pair]),
          )
      }
    }),
  )
})

test('a list that is said again takes a byte a header; secrets are in no table', () => {
  const encoder = createEncoder()
  const list = [
    [':status', '200'],
    ['content-type', 'application/grpc+proto'],
    ['grpc-encoding', 'identity'],
  ] as const
  const first = encoder.encode(list).length
  assert.ok(first > 20)
  assert.equal(encoder.encode(list).length, 3)
  assert.equal(encoder.encode([...list]).length, 3)
  const secret = [['set-cookie', 'a=b']] as const
  const once = Buffer.from(encoder.encode(secret))
  assert.deepEqual(Buffer.from(encoder.encode([...secret])), once)
  assert.equal(once[0]! & 0xf0, 0x10)
})

test('what could smuggle a header in is not written', () => {
  const encoder = createEncoder()
  for (const header of [
    ['x-a', 'b\r\nx-c: d'],
    ['x-a', 'b\0'],
    ['x-a', ' b'],
    ['x-a', '두레'],
    ['X-A', 'b'],
    ['x a', 'b'],
    ['', 'b'],
  ] as const)
    assert.throws(
      () => encoder.encode([header]),
      /^TypeError: Cannot send the header ".*": its name or its value has a character/,
    )
})

test('what is no list is wrong, and nothing makes the decoder throw, or hold more than its limit', () => {
  const wrongs = {
    'index 0': '80',
    'index that nobody has said': 'be',
    'name that nobody has said': '7e0161',
    'size of the table larger than ours': '3fe17f',
    'size of the table behind a header': '8220',
    'text that goes on': '4005 61',
    'number without end': 'ffffffffffffffff',
    'number that ends too early': 'ff',
    'no value': '4001 61',
  }
  for (const [what, block] of Object.entries(wrongs)) assert.equal(reading()(hex(block)), 'wrong', what)
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 }), (blocks) => {
      const read = reading(200)
      for (const block of blocks) {
        const found = read(block)
        if (typeof found === 'string') continue
        assert.ok(found.reduce((sum, [name, value]) => sum + name!.length + value!.length + 32, 0) <= 200)
      }
    }),
  )
  // One of 3,000 bytes said again and again, by one byte each; and what comes behind it is read nevertheless.
  const read = reading(16_384)
  const bomb = Buffer.concat([hex('4001 61 7fb916'), Buffer.alloc(3_000, 'b'), Buffer.alloc(10_000, 0xbe)])
  bomb.set(hex('7fb916'), 3)
  assert.equal(read(bomb), 'large')
  assert.equal((read(hex('be')) as readonly (readonly string[])[])[0]![1]!.length, 3_000)
})
