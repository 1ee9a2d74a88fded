import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { into } from './into.ts'
import { mailbox } from './mailbox.ts'
import { Desk, desk, KEEP, mailOf, toNote } from './post.test-support.ts'

type Server = { readonly port: number; readonly mails: Map<string, string>; readonly sessions: () => number }

/** What RFC 1939 says, to the letter; `ends` may end a session before a command is done, and `says` answers it in another way. */
async function pop3(
  t: TestContext,
  mails: Map<string, string>,
  how: { ends?: (command: string) => boolean; says?: (command: string) => string | undefined } = {},
): Promise<Server> {
  let sessions = 0
  const answer = (command: string, listed: readonly string[], deleted: Set<string>): string => {
    const [word, number] = command.split(' ')
    const uid = listed[Number(number) - 1] ?? ''
    const list = (of: (uid: string) => string | number): string =>
      `+OK\r\n${listed.map((one, i) => `${i + 1} ${of(one)}\r\n`).join('')}.\r\n`
    if (word === 'UIDL') return list((one) => one)
    if (word === 'LIST') return list((one) => mails.get(one)!.length)
    if (word === 'RETR') return `+OK\r\n${mails.get(uid)!.replaceAll(/^\./gm, '..')}\r\n.\r\n`
    if (word === 'DELE') deleted.add(uid)
    if (word === 'QUIT') for (const one of deleted) mails.delete(one)
    return word === 'PASS' && number !== 'secret' ? '-ERR no\r\n' : '+OK\r\n'
  }
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    sessions++
    open.add(socket)
    socket.on('error', () => {})
    const listed = [...mails.keys()]
    const deleted = new Set<string>()
    socket.write('+OK\r\n')
    socket.setEncoding('latin1').on('data', (text: string) => {
      for (const command of text.split('\r\n').filter(Boolean)) {
        if (how.ends?.(command) === true) return socket.destroy()
        socket.write(how.says?.(command) ?? answer(command, listed, deleted), 'latin1')
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  return { port: (server.address() as { port: number }).port, mails, sessions: () => sessions }
}

const boxOf = ({ port }: Server, more: object = {}): ReturnType<typeof mailbox> =>
  mailbox({
    pop3: { host: '127.0.0.1', port, tls: 'off', user: 'desk', password: () => 'secret' },
    ...{ into: KEEP, every: 20, tries: 2, limits: { size: 10_000 }, ...more },
  })

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('each mail is a command once, though a session breaks off before its deletions are kept; what is refused stays', async (t) => {
  const id = (n: number): string => `Message-ID: <${n}@home.example>`
  let broken = false
  const server = await pop3(
    t,
    new Map([
      ...Array.from({ length: 5 }, (_, n): [string, string] => [`u${n}`, mailOf(`mail ${n}`, id(n))]),
      ['same', mailOf('mail 1', id(1))],
      ['dots', `${mailOf('dots', id(5))}\r\n.\r\n..x`],
      ['nonsense', mailOf('nonsense')],
      ['large', mailOf('large', `X: ${'x'.repeat(10_000)}`)],
      ['broken', mailOf('broken')],
      ['robot', mailOf('robot', 'Auto-Submitted: auto-replied')],
    ]),
    { ends: (command) => command === 'QUIT' && !broken && (broken = true) },
  )
  const { kept, calls } = await desk(t, { doors: [boxOf(server)] })
  await until(() => server.mails.size === 3)
  assert.deepEqual([...server.mails.keys()], ['nonsense', 'large', 'broken'])
  // Those that are refused are read no more; `broken` had its two tries.
  const sessions = server.sessions()
  await until(() => server.sessions() > sessions + 3)
  assert.deepEqual(await kept(), ['mail 0', 'mail 1', 'mail 2', 'mail 3', 'mail 4', 'dots'])
  assert.equal(calls.find(({ subject }) => subject === 'dots')?.text, 'Hello\n.\n..x')
  assert.equal(calls.filter(({ subject }) => subject === 'broken').length, 2)
  assert.equal(calls.length, 8)
})

test('a server that says no, or too much, fills nothing, and is asked again later; the system runs', async (t) => {
  const endless = '+OK\r\n' + 'x'.repeat(30_000)
  const server = await pop3(t, new Map([['u', mailOf('one')]]), {
    says: (command) => (command.startsWith('RETR') ? endless : undefined),
  })
  const no = await pop3(t, new Map(), { says: (command) => (command.startsWith('USER') ? '-ERR who?\r\n' : undefined) })
  const away = boxOf({ ...no, port: 1 }, { name: 'away' })
  const { kept, running } = await desk(t, { doors: [boxOf(server), boxOf(no, { name: 'no' }), away] })
  await until(() => server.sessions() > 1 && no.sessions() > 0)
  assert.deepEqual([await kept(), server.mails.size], [[], 1])
  await running.stop()
})

test('a mailbox is checked before it is opened, and may call for somebody', async (t) => {
  assert.throws(() => boxOf({ port: 1 } as Server, { tries: 0 }), /tries/)
  const server = await pop3(t, new Map([['u', mailOf('one')]]))
  const lock = into(Desk, 'lock', { input: toNote })
  const principal = { subject: 'mail', kind: 'client', scopes: ['desk.lock'], roles: [] }
  const security = { authenticate: () => undefined }
  const { calls } = await desk(t, { doors: [boxOf(server, { into: lock, principal })], security })
  await until(() => server.mails.size === 0)
  assert.deepEqual(
    calls.map(({ subject }) => subject),
    ['one'],
  )
})
