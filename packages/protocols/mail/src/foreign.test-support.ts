/**
 * `foreign.test-support.ts`: swaks and Python's smtplib at the SMTP door, envelopes of SOAP among their mails; letters of a process that is killed again and again go to
 * Dovecot; Python fills mailboxes there that are read over IMAP and POP3 while Dovecot restarts. A line for each check.
 */
import assert from 'node:assert/strict'
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { check } from '@dure/testing/foreign'
import { createTransport } from 'nodemailer'
import { SMTPServer } from 'smtp-server'
import { startDovecot } from './dovecot.test-support.ts'
import { mailbox, type MailboxOptions } from './mailbox.ts'
import { desk, KEEP, post } from './post.test-support.ts'
import { soapPost } from './soap.test-support.ts'

const folder = mkdtempSync(join(tmpdir(), 'dure-mail-foreign-'))
const place = (name: string): string => {
  mkdirSync(join(folder, name))
  return join(folder, name)
}
const afterwards: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
const t = { after: (task: () => unknown) => void afterwards.push(task) } as unknown as TestContext
const run = promisify(execFile)
const program = fileURLToPath(new URL('foreign.py', import.meta.url))
// oxlint-disable-next-line typescript/no-explicit-any
const python = async (...words: readonly (string | number)[]): Promise<any> =>
  JSON.parse((await run('python3', [program, ...words.map(String)])).stdout)
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100))
async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await done())) await pause()
}

const dovecot = await startDovecot()
afterwards.push(dovecot.stop)
const { ports, ca, caFile, certificate } = dovecot

const door = await post(t, {
  tls: { certificates: [certificate] },
  security: {
    authenticate: ({ header }) =>
      header('authorization') === `Basic ${Buffer.from('sori:secret').toString('base64')}`
        ? { subject: 'sori', kind: 'user', scopes: ['desk.lock'], roles: [] }
        : undefined,
  },
})

await check("Python's smtplib: a mail with an attachment, refusals in SMTP's codes, STARTTLS and a log-in", async () => {
  const seen = await python('smtp', door.url.port, caFile)
  assert.deepEqual(seen, { size: '10485760', refused: {}, nonsense: 554, nobody: 550, wrong: 535 })
  assert.deepEqual(await door.kept(), ['주문 7'])
  assert.deepEqual(
    [door.calls[0]?.files, door.calls[0]?.text, door.calls.at(-1)?.subject],
    [['주문.pdf'], '안녕하세요', 'locked'],
  )
})

await check(
  'swaks: a mail in the clear, one over TLS with a log-in, and what it says of a recipient that is not there',
  async () => {
    const swaks = (...words: readonly string[]): Promise<{ stdout: string }> =>
      run('swaks', ['--server', `localhost:${door.url.port}`, '--from', 'swaks@home.example', ...words])
    assert.match((await swaks('--to', 'desk@shop.example', '--header', 'Subject: swaks')).stdout, /^<- {2}250 /m)
    const login = ['--tls', '--auth', 'LOGIN', '--auth-user', 'sori', '--auth-password', 'secret']
    assert.match((await swaks('--to', 'safe@shop.example', ...login)).stdout, /^<~ {2}235 /m)
    const refused = await swaks('--to', 'nobody@shop.example').catch((error: { code: number; stdout: string }) => error)
    assert.match(refused.stdout, /550 5\.1\.1 There is no mailbox/)
    assert.deepEqual([await door.kept(), door.calls.at(-1)?.from], [['주문 7', 'swaks'], 'swaks@home.example'])
  },
)

/** A server that brings what it takes to a mailbox of Dovecot. */
async function relayTo(user: string, taken: () => void): Promise<{ readonly port: number; readonly stop: () => void }> {
  const transport = createTransport({ host: '127.0.0.1', port: ports.lmtp, lmtp: true, ignoreTLS: true } as object)
  const relay = new SMTPServer({
    ...{ logger: false, authOptional: true, disabledCommands: ['STARTTLS', 'AUTH'], disableReverseLookup: true },
    onData: (stream, { envelope }, done) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const from = envelope.mailFrom ? envelope.mailFrom.address : ''
        void transport.sendMail({ envelope: { from, to: user }, raw: Buffer.concat(chunks) }).then(() => {
          done()
          taken()
        }, done)
      })
    },
  })
  const listening = relay.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  return { port: (listening.address() as { port: number }).port, stop: () => void relay.close() }
}

await check(
  "SOAP by mail: Python's smtplib sends envelopes, one of them twice, and its imaplib finds an answer to each in the mailbox, faults too",
  async () => {
    const { port, stop } = await relayTo('sori', () => {})
    const { url, running, done } = await soapPost(t, { port, directory: place('soap') })
    const seen = await python('soap', url.port, ports.imaps, caFile, 'sori')
    assert.deepEqual(seen, {
      '<1@home.example>': { type: 'text/xml', text: '일곱' },
      '<2@home.example>': { type: 'text/xml', text: '2' },
      '<3@home.example>': { type: 'application/soap+xml', text: '2 are left' },
      '<4@home.example>': { type: 'text/xml', text: 'no such operation' },
    })
    assert.deepEqual(done, [2])
    await running.stop()
    stop()
  },
)

await check(
  'a shop that is killed between the answer of the server and its mark: each letter arrives, twice at most, with one Message-ID',
  async () => {
    const LETTERS = 30
    let child: ChildProcess
    let kills = 0
    let taken = 0
    // A server that brings what it takes to Dovecot, and kills who sent it.
    const { port, stop } = await relayTo('shop', () => {
      if (++taken % 5 !== 0 || kills === 5) return
      kills++
      child.kill('SIGKILL')
    })
    const data = place('shop')
    const sender = fileURLToPath(new URL('sender.child.test-support.ts', import.meta.url))
    const start = (count: number): Promise<unknown> => {
      child = spawn(process.execPath, ['--conditions=dure-source', sender, data, String(port), String(count)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      return Promise.race([once(child.stdout!, 'data'), once(child, 'exit')])
    }
    await start(LETTERS)
    const ids = async (): Promise<string[]> => (await python('imap', ports.imaps, caFile, 'shop')).ids
    for (;;) {
      if (child!.exitCode !== null || child!.signalCode !== null) await start(0)
      else if (kills === 5 && new Set(await ids()).size === LETTERS) break
      else await pause()
    }
    child!.kill('SIGKILL')
    stop()
    const all = await ids()
    const often = [...Map.groupBy(all, (id) => id).values()].map(({ length }) => length)
    console.log(`  ${all.length} mails of ${LETTERS} letters, ${kills} kills`)
    assert.equal(often.length, LETTERS)
    assert.ok(Math.max(...often) <= 2, 'one came more than twice')
    assert.ok(all.length > LETTERS && all.length <= LETTERS + kills, `${all.length} mails`)
  },
)

async function received(
  user: string,
  count: number,
  restarts: number,
  how: { imap: object } | { pop3: object },
): Promise<readonly string[]> {
  const account = { host: 'localhost', ca, user, password: 'secret' }
  const options =
    'imap' in how ? { imap: { ...account, port: ports.imaps } } : { pop3: { ...account, port: ports.pop3, tls: 'starttls' } }
  const box = mailbox({ ...options, name: user, into: KEEP, every: 2_000 } as MailboxOptions)
  const { kept, running } = await desk(t, { doors: [box], directory: place(user) })
  const filling = python('lmtp', ports.lmtp, user, 0, count)
  let over = false
  void filling.finally(() => (over = true))
  for (let n = 1; n <= restarts; n++) {
    await until(async () => over || (await kept()).length > (count * n) / (restarts + 1))
    await dovecot.restart()
  }
  const { again } = await filling
  await until(async () => new Set(await kept()).size === count)
  // Those that are new once more, with the same ids.
  await python('lmtp', ports.lmtp, user, 0, 10)
  await until(async () =>
    'imap' in how
      ? (await python('imap', ports.imaps, caFile, user)).seen >= count + 10
      : (await python('pop3', ports.pop3, user).catch(() => ({ left: 1 }))).left === 0,
  )
  const all = await kept()
  console.log(
    `  ${all.length} commands of ${count} mails and 10 again; Dovecot was stopped ${restarts} times, and Python tried again ${again} times`,
  )
  await running.stop()
  return all
}

await check('1,000 mails over IMAP while Dovecot restarts four times: each becomes a command once', async () => {
  const all = await received('imap', 1_000, 4, { imap: {} })
  assert.deepEqual([all.length, new Set(all).size], [1_000, 1_000])
})

await check(
  '200 mails over POP3 with STLS while Dovecot restarts twice: each becomes a command once, and the mailbox is empty',
  async () => {
    const all = await received('pop3', 200, 2, { pop3: {} })
    assert.deepEqual([all.length, new Set(all).size], [200, 200])
  },
)

for (const task of afterwards.toReversed()) await task()
