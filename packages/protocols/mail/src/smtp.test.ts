import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { contract, query } from 'dure/contract'
import { keyText, newKeys, openAuthority } from 'dure/identity/internal'
import { createTransport } from 'nodemailer'
import { into, type Into } from './into.ts'
import { deliver, Desk, desk, KEEP, mailOf, post, speaker, toNote } from './post.test-support.ts'
import { smtp } from './smtp.ts'

test('a mail becomes a command, once for each Message-ID and sender, and failures have codes of SMTP', async (t) => {
  const { url, kept, calls } = await post(t)
  const client = await speaker(t, url)
  const id = 'Message-ID: <1@home.example>'
  assert.match(await deliver(client, mailOf('one', id)), /^250 /)
  assert.match(await deliver(client, mailOf('one', id)), /^250 /)
  // Without an id the whole mail is known again; another sender's is another mail.
  assert.match(await deliver(client, mailOf('two')), /^250 /)
  assert.match(await deliver(client, mailOf('two')), /^250 /)
  assert.match(await deliver(client, mailOf('one', id), { from: 'mun@home.example', to: 'any@notes.example' }), /^250 /)
  assert.deepEqual(await kept(), ['one', 'two', 'one'])
  assert.deepEqual(calls[0], { from: 'sori@home.example', subject: 'one', text: 'Hello', files: [] })

  assert.match(await deliver(client, mailOf('nonsense')), /^554 5\.6\.0 INVALID_ARGUMENT: Nothing can be made of it/)
  assert.match(await deliver(client, mailOf('x'.repeat(61))), /^554 5\.6\.0 INVALID_ARGUMENT/)
  assert.match(await deliver(client, mailOf('full')), /^554 5\.0\.0 FULL/)
  assert.match(await deliver(client, mailOf('broken')), /^451 4\.3\.0 INTERNAL: (?!.*1234)/)
  const later = mailOf('later', 'Message-ID: <2@home.example>')
  assert.match(await deliver(client, later), /^451 4\.3\.2 UNAVAILABLE: Not yet/)
  assert.match(await deliver(client, later), /^451 /)
  assert.match(await deliver(client, later), /^250 /)
  assert.match(await client.say('MAIL FROM:<a@b.example>', 'RCPT TO:<nobody@shop.example>'), /^550 5\.1\.1 /)
  assert.match(await client.say('RCPT TO:<desk@shop.example>', 'RCPT TO:<DESK@Shop.example>'), /^250 /)
  assert.match(await client.say('RCPT TO:<safe@shop.example>'), /^452 4\.5\.3 /)
})

test('what programs answer, and what goes round, is no command', async (t) => {
  const { url, kept } = await post(t)
  const client = await speaker(t, url)
  for (const [more, from] of [
    [['Auto-Submitted: auto-replied (vacation)'], 'sori@home.example'],
    [['Content-Type: multipart/report; report-type=delivery-status; boundary=b'], 'sori@home.example'],
    [[], ''],
  ] as const)
    assert.match(await deliver(client, mailOf('robot', ...more), { from }), /^250 /)
  const loop = Array.from({ length: 51 }, (_, n) => `Received: by s${n}.example`)
  assert.match(await deliver(client, mailOf('loop', ...loop)), /^554 5\.6\.0 .*loop/)
  assert.match(await deliver(client, mailOf('list', 'List-Id: <all.example>')), /^250 /)
  assert.deepEqual(await kept(), ['list'])
})

test('bad mails are bounded: size, parts, depth, headers, and one that breaks off; others are served', async (t) => {
  const { url, kept, calls } = await post(t, { limits: { size: 200_000, parts: 50, headers: 8_192, requests: 1 } })
  const client = await speaker(t, url)
  const parts = (count: number): string =>
    `From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\nx\r\n'.repeat(count)}--b--`
  const deep = (levels: number): string =>
    Array.from({ length: levels }, (_, n) => `Content-Type: multipart/mixed; boundary=b${n}\r\n\r\n--b${n}\r\n`).join('')
  assert.match(await deliver(client, parts(51)), /^554 5\.6\.0 .*nodes/)
  assert.match(await deliver(client, deep(3_000)), /^554 5\.6\.0 .*nodes/)
  assert.match(await deliver(client, mailOf('head', `X-Long: ${'y'.repeat(10_000)}`)), /^554 5\.6\.0 .*header/)
  assert.match(await deliver(client, `${mailOf('big')}${'\r\nline'.repeat(40_000)}`), /^552 5\.3\.4 /)
  assert.match(await client.say('MAIL FROM:<a@b.example> SIZE=200001'), /^552 /)

  const broken = await speaker(t, url)
  await broken.say('MAIL FROM:<a@b.example>', 'RCPT TO:<desk@shop.example>', 'DATA')
  broken.socket.write(`${mailOf('half')}\r\n`)
  // Only one is in hand at once.
  assert.match(await deliver(client, mailOf('busy')), /^451 4\.3\.2 /)
  broken.socket.destroy()
  let said = '451'
  while (said.startsWith('451')) said = await deliver(client, mailOf('after'))
  assert.match(said, /^250 /)
  assert.deepEqual([await kept(), calls.length], [['after'], 1])
})

test('a door does not open for what a mail cannot become', async (t) => {
  const Other = contract('other', { version: '1.0.0', owner: 'tests', operations: { ask: query({}) } })
  const rejects = (given: readonly Into[], why: RegExp): Promise<void> =>
    assert.rejects(desk(t, { doors: [smtp({ port: 0, into: given })] }), why)
  await rejects([], /no command that mails become/)
  await rejects([{ ...KEEP, contract: Other }], /no operation other\.keep/)
  await rejects([{ ...KEEP, operation: 'look' }], /desk\.look is a query; a mail becomes a command/)
  assert.throws(() => smtp({ into: [KEEP], limits: { size: -1 } }), /size/)
  assert.equal(into(Desk, 'keep', { input: toNote }).to, undefined)
})

test('over TLS whoever logs in is known to the command; nobody logs in without it', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-mail-tls-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const authority = openAuthority({ directory, system: 'post', clock: { now: Date.now } })
  const [certificateFile, keyFile] = [join(directory, 'door.crt'), join(directory, 'door.key')]
  const renew = (): void => {
    const { publicKey, privateKey } = newKeys()
    writeFileSync(certificateFile, authority.issue({ names: ['localhost'], publicKey, life: 86_400_000 }))
    writeFileSync(keyFile, keyText(privateKey))
  }
  renew()
  const tls = { certificates: [{ certificateFile, keyFile }], reload: 50 }
  const authenticate = ({ header }: { header: (name: string) => string | undefined }) =>
    header('authorization') === `Basic ${Buffer.from('sori:secret').toString('base64')}`
      ? { subject: 'sori', kind: 'user' as const, scopes: ['desk.lock'], roles: [] }
      : undefined
  const { url, calls } = await post(t, { tls, security: { authenticate } })
  const open = await speaker(t, url)
  assert.match(await open.say('AUTH PLAIN AHNvcmkAc2VjcmV0'), /^538 /)
  assert.match(await deliver(open, mailOf('nobody'), { to: 'safe@shop.example' }), /^530 5\.7\.0 UNAUTHENTICATED/)
  const send = (pass: string): Promise<unknown> => {
    const options = { host: 'localhost', port: Number(url.port), requireTLS: true, tls: { ca: authority.roots } }
    return createTransport({ ...options, auth: { user: 'sori', pass } }).sendMail({
      ...{ from: 'sori@home.example', to: 'safe@shop.example', subject: 'locked', text: 'x' },
      attachments: [{ filename: 'key.txt', content: 'k' }],
    })
  }
  await assert.rejects(send('wrong'), /535 5\.7\.8/)
  await send('secret')
  assert.deepEqual(calls, [{ from: 'sori@home.example', subject: 'locked', text: 'x', files: ['key.txt'] }])

  const shown = async (): Promise<string> => {
    const { say, socket } = await speaker(t, url)
    await say('STARTTLS')
    socket.removeAllListeners('data')
    const secure = connectTls({ socket, servername: 'localhost', ca: authority.roots })
    await once(secure, 'secureConnect')
    const { fingerprint } = secure.getPeerCertificate()
    // Nobody reads here any more, and a door that closes would wait for whoever has not gone.
    socket.destroy()
    return fingerprint
  }
  const before = await shown()
  renew()
  while ((await shown()) === before);

  const implicit = await post(t, { tls: { ...tls, implicit: true } })
  assert.equal(implicit.url.protocol, 'smtps:')
  const socket = connectTls({ port: Number(implicit.url.port), servername: 'localhost', ca: authority.roots })
  t.after(() => socket.destroy())
  const [greeting] = await new Promise<[Buffer]>((resolve) => socket.once('data', (data: Buffer) => resolve([data])))
  assert.match(String(greeting), /^220 /)
})

test('a door that closes answers the mail under way, and says so to others', async (t) => {
  const { url, running, kept } = await post(t)
  const [idle, busy] = [await speaker(t, url), await speaker(t, url)]
  await busy.say('MAIL FROM:<a@b.example>', 'RCPT TO:<desk@shop.example>', 'DATA')
  const closed = running.doors[0]!.close()
  assert.match(await idle.hear(), /^421 4\.3\.2 /)
  assert.equal(await idle.hear(), 'closed')
  assert.match(await busy.say(`${mailOf('last')}\r\n.`), /^250 /)
  assert.match(await busy.hear(), /^421 /)
  await closed
  assert.deepEqual(await kept(), ['last'])
})
