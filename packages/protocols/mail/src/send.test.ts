import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { simpleParser } from 'mailparser'
import { composed, type Letter } from './letter.ts'
import { relay } from './relay.test-support.ts'
import { shop } from './shop.test-support.ts'

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('what commits is sent; a refusal for good is a dead letter at once, another is tried again', async (t) => {
  const { port, taken, tried } = await relay(t)
  const directory = mkdtempSync(join(tmpdir(), 'dure-mail-send-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const { ask, sent, dead } = await shop({ t, directory, port })
  await ask({ to: 'sori@home.example', subject: '안녕' })
  await ask({ to: 'nobody', subject: 'none' })
  await until(async () => (await sent()) === 2)
  const { subject, messageId, from, headers } = await simpleParser(Buffer.from(taken[0]!.bytes, 'latin1'))
  assert.deepEqual([taken[0]!.from, taken[0]!.to], ['shop@shop.example', 'sori@home.example'])
  assert.deepEqual([subject, from?.text, headers.get('auto-submitted')], ['안녕', '"Shop" <shop@shop.example>', 'auto-generated'])
  assert.match(messageId!, /^<[\w-]{43}@shop\.example>$/)

  await ask({ to: 'busy@home.example', subject: 'again' })
  await until(() => taken.length === 2)
  assert.equal(tried(), 3)
  await ask({ to: 'gone@home.example', subject: 'never' })
  await ask({ to: 'sori@home.example', subject: 'x\r\nBcc: all@home.example' })
  await until(async () => (await dead()).length === 2)
  assert.deepEqual(
    (await dead()).map((error) => /550|line break/.test(error)),
    [true, true],
  )
  assert.deepEqual([taken.length, tried()], [2, 4])
})

const cause = { id: '1', source: 'shop', time: 1_700_000_000_000 }
const compose = (letter: Partial<Letter>, of = cause) =>
  composed({ to: 'sori@home.example', subject: 's', text: 't', ...letter }, { from: 'shop@shop.example', name: 'n', cause: of })

test('a letter has one Message-ID for one message and reaction, and no header that it does not name', () => {
  assert.deepEqual(compose({}), compose({}))
  assert.equal((compose({ to: '"Kim, Sori" <sori@home.example>' }).envelope as { to: string }).to, 'sori@home.example')
  const other = compose({}, { ...cause, id: '2' })
  assert.notEqual(compose({}).messageId, other.messageId)
  const reply = compose({ inReplyTo: '<1@home.example>' })
  assert.deepEqual(
    [reply.envelope, (reply.headers as Record<string, string>)['auto-submitted']],
    [{ from: '', to: 'sori@home.example' }, 'auto-replied'],
  )
  const bad: readonly Partial<Letter>[] = [
    ...['a@b.example, c@d.example', 'sori', '<a@b.example> <c@d.example>', 'a@b.example;', '"a" b <c@d.example>', ''].map(
      (to) => ({ to }),
    ),
    ...[{ Bcc: 'a@b.example' }, { 'x y': '1' }, { 'x:': '1' }, { '': '1' }].map((headers) => ({ headers: headers as {} })),
    ...[{ inReplyTo: 'x' }, { replyTo: 'x' }, { from: 'x' }],
  ]
  for (const letter of bad) assert.throws(() => compose(letter), /Cannot send a letter/, JSON.stringify(letter))
})

test('no line break gets into a header, wherever it stands', () => {
  const fields = ['to', 'from', 'replyTo', 'subject', 'inReplyTo'] as const
  const text = fc.string({ unit: 'grapheme', maxLength: 20 })
  const breaks = fc.constantFrom('\r', '\n', '\r\n', '\0', '\u2028', '\u0085')
  fc.assert(
    fc.property(fc.constantFrom(...fields, 'header', 'filename'), text, breaks, text, (field, before, line, after) => {
      const value = `${before}${line}${after}`
      const letter =
        field === 'header'
          ? { headers: { 'x-own': value } }
          : field === 'filename'
            ? { attachments: [{ filename: value, content: '' }] }
            : { [field]: value }
      assert.throws(() => compose(letter), /Cannot send a letter/)
    }),
  )
})
