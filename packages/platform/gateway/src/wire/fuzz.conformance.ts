/** Requests and answers with tricks in them, read by us and by Node: few in the tests, many where there is time. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { nodeReads, nodeReadsAnswer, weRead, weReadAnswer } from './peer.test-support.ts'

const TRICKS = [
  ...[
    '\r\n',
    '\n',
    '\r',
    '\0',
    ' ',
    '\t',
    ':',
    '\r\n ',
    ' :',
    '::',
    '\x7f',
    '\x80',
    ',',
    ';',
    '"',
    '\\',
    '#',
    '%',
    '0x',
    '+',
    '-',
  ],
  ...['Content-Length: 5\r\n', 'Content-Length: 6\r\n', 'Content-Length:\r\n', 'Transfer-Encoding: chunked\r\n', 'Host: b\r\n'],
  ...['Transfer-Encoding: gzip, chunked\r\n', 'Transfer-Encoding: chunked, gzip\r\n', 'Transfer-Encoding : chunked\r\n'],
  ...[
    '5\r\nhello\r\n',
    '0\r\n\r\n',
    '5;a=b\r\nhello\r\n',
    '5;\r\nhello\r\n',
    ' 5\r\nhello\r\n',
    '5 \r\nhello\r\n',
    '05\r\nhello\r\n',
  ],
  ...['5;a="b\r\nhello\r\n', '5\nhello\r\n', 'fffffffff\r\n', '0\r\nX: y\r\n\r\n', 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n'],
  ...[
    ' HTTP/1.0',
    ' HTTP/2.0',
    ' HTTP/1.1',
    'Connection: close\r\n',
    'Connection: content-length\r\n',
    'Expect: 100-continue\r\n',
  ],
]

const PLAIN = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /a?b=c HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\nX-A: b c\r\n\r\nhello',
  'PUT /a%20b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b;c\r\n world\r\n0\r\nX-T: y\r\n\r\n',
  'DELETE /x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\nGET /y HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /old HTTP/1.0\r\n\r\n',
]

/** A text with tricks put into it, or over a part of it. */
const spoilt = (plain: readonly string[]) =>
  fc
    .tuple(
      fc.constantFrom(...plain),
      fc.array(fc.tuple(fc.nat(400), fc.constantFrom(0, 0, 1, 2), fc.constantFrom(...TRICKS)), { maxLength: 3 }),
    )
    .map(([text, tricks]) =>
      tricks.reduce(
        (all, [at, over, trick]) => all.slice(0, at % all.length) + trick + all.slice((at % all.length) + over),
        text,
      ),
    )

const cut = (text: string, size: number): readonly Buffer[] => {
  const bytes = Buffer.from(text, 'latin1')
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
}

/** What we take of a request, Node takes and reads alike. */
export async function fuzzRequests(runs: number): Promise<void> {
  let [taken, refused] = [0, 0]
  await fc.assert(
    fc.asyncProperty(spoilt(PLAIN), async (text) => {
      const ours = weRead(cut(text, 10_000))
      if (ours.messages.length === 0) return void refused++
      taken++
      // Each by itself: that Node finds it whole in just these bytes says that both end it at the same one.
      for (const [i, message] of ours.messages.entries()) {
        const bytes = Buffer.from(text, 'latin1').subarray(ours.ends[i - 1] ?? 0, ours.ends[i])
        assert.deepEqual(
          await nodeReads([bytes]),
          { messages: [message], refused: false },
          JSON.stringify(bytes.toString('latin1')),
        )
      }
    }),
    { numRuns: runs },
  )
  assert.ok(taken > runs / 10 && refused > runs / 10, `taken ${taken}, refused ${refused}`)
}

/** A request is read alike however its bytes are cut. */
export function fuzzCuts(runs: number): void {
  fc.assert(
    fc.property(spoilt(PLAIN), fc.integer({ min: 1, max: 40 }), (text, size) => {
      assert.deepEqual(weRead(cut(text, size)).messages, weRead(cut(text, 10_000)).messages)
    }),
    { numRuns: runs },
  )
}

const ANSWERS = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello',
  'HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'HTTP/1.0 200 OK\r\n\r\nhello',
  'HTTP/1.1 204 \r\nConnection: close\r\n\r\n',
  'HTTP/1.1 304\r\nContent-Length: 5\r\n\r\n',
]

/** What we take of an answer, Node takes and reads alike. */
export async function fuzzAnswers(runs: number): Promise<void> {
  let taken = 0
  await fc.assert(
    fc.asyncProperty(spoilt(ANSWERS), async (text) => {
      const head = text.slice(0, text.indexOf('\r\n\r\n') + 4)
      const ours = weReadAnswer(cut(head, 10_000))
      if (ours === undefined || ours.start.startsWith('1')) return
      taken++
      const nodes = await nodeReadsAnswer(cut(head, 10_000), 'HEAD')
      assert.ok(nodes !== undefined, JSON.stringify(head))
      assert.deepEqual({ start: nodes.start, fields: nodes.fields }, ours)
    }),
    { numRuns: runs },
  )
  assert.ok(taken > runs / 10, `taken ${taken}`)
}
