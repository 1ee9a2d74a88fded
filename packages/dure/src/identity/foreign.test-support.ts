/**
 * `npm run peers -- mtls`: four processes whose certificates are replaced every five seconds, under load for a minute, in which the root is
 * replaced as well; openssl and Python take their chain, and are refused without one of their own. One line a check; exits with 1 when one fails. `--seconds N` for less.
 */
import { fork, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { setTimeout as sleep } from 'node:timers/promises'
import { start, type Running } from '../service/service.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { ownCertificates } from './identity.ts'
import { keyText, newKeys, openAuthority, rotateRoot } from './internal.ts'
import { LIFE, Orders, shop, Stock } from './foreign-shop.test-support.ts'

const at = process.argv.indexOf('--seconds')
const seconds = at < 0 ? 60 : Number(process.argv[at + 1])
const log = silentLogger()
const clock = { now: Date.now }
const DAY = 86_400_000
const directory = mkdtempSync(join(tmpdir(), 'dure-mtls-'))
const file = (name: string, text = ''): string => {
  const path = join(directory, name)
  if (text !== '') writeFileSync(path, text, { mode: 0o600 })
  return path
}

let well = true
function check(what: string, ok: boolean, seen: unknown): void {
  console.log(`${ok ? '✔' : '✖'} ${what}: ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`)
  well &&= ok
}

async function load(running: Running): Promise<void> {
  const client = running.client(Orders)
  const address = await addressOf(running)
  const serials = new Set<string>()
  let calls = 0
  const failures: string[] = []
  const until = performance.now() + seconds * 1_000
  const caller = async (): Promise<void> => {
    while (performance.now() < until) {
      const n = calls++
      const answer = await client.ask(n, { timeout: 20_000 }).catch((error: Error) => failures.push(error.message))
      if (typeof answer === 'number' || answer.n !== n || answer.caller !== 'orders') failures.push(JSON.stringify(answer))
    }
  }
  /** The root is replaced in the first third, and the one before is trusted until the last. */
  const rotate = async (): Promise<{ readonly cert: string; readonly key: string }> => {
    await sleep((seconds * 1_000) / 4)
    const before = openAuthority({ directory, system: 'shop', clock })
    const { publicKey, privateKey } = newKeys()
    const cert = before.issue({ names: ['orders'], publicKey, life: DAY })
    rotateRoot(before, { clock, keep: (seconds * 1_000) / 2 })
    return { cert, key: keyText(privateKey) }
  }
  const watch = async (): Promise<void> => {
    while (performance.now() < until) {
      serials.add(await serialAt(address))
      await sleep(500)
    }
  }
  const [old] = await Promise.all([rotate(), watch(), ...Array.from({ length: 16 }, caller)])
  check(`calls under load for ${seconds} s`, failures.length === 0 && calls > 100, {
    calls,
    failed: failures.length,
    first: failures[0],
  })
  const { roots, issuer, issue } = openAuthority({ directory, system: 'shop', clock })
  check('roots trusted now', roots === issuer.toString(), 'the new one alone')
  const keys = newKeys()
  const fresh = issue({ names: ['orders'], publicKey: keys.publicKey, life: DAY })
  const by = (chain: string, key: string): string =>
    python(address, file('roots.crt', roots), file('by.crt', chain), file('by.key', key)).stdout
  check('a certificate of the new root', by(fresh, keyText(keys.privateKey)).trim() === 'spiffe://shop/stock', 'taken')
  check('one of the root before', by(old.cert, old.key) === '', 'refused')
  check('certificates of one process meanwhile', serials.size >= Math.floor((seconds * 1_000) / LIFE), serials.size)
}

type Tcp = { readonly host: string; readonly port: number }

/** Where stock listens. */
async function addressOf(running: Running): Promise<Tcp> {
  const [instance] = (await running.registry()).instances('stock')
  return instance!.endpoints['dure'] as Tcp
}

async function serialAt({ host, port }: Tcp): Promise<string> {
  const socket: TLSSocket = connect({ host, port, rejectUnauthorized: false })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber
}

const PYTHON = `
import socket, ssl, sys
host, port, ca, chain = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]
context = ssl.create_default_context(cafile=ca)
context.check_hostname = False
if chain: context.load_cert_chain(chain[0], chain[1])
with context.wrap_socket(socket.create_connection((host, port), timeout=60)) as tls:
    names = [value for kind, value in tls.getpeercert()["subjectAltName"] if kind == "URI"]
    hello = bytes.fromhex("0000000f01000000004455524500030010 0000".replace(" ", ""))
    tls.sendall(hello)
    answer = tls.recv(15)
    if len(answer) < 5 or answer[4] != 1: sys.exit("refused: " + repr(answer))
    print(" ".join(names))
`

const python = ({ host, port }: Tcp, ca: string, ...words: readonly string[]) =>
  spawnSync('python3', ['-c', PYTHON, host, String(port), ca, ...words], { encoding: 'utf8', timeout: 60_000 })

/** What others make of a process that listens: with the certificate of a service, and without. */
function foreign(address: Tcp): void {
  const authority = openAuthority({ directory, system: 'shop', clock })
  const { publicKey, privateKey } = newKeys()
  const chain = file('orders.crt', authority.issue({ names: ['orders'], publicKey, life: 3_600_000 }))
  const key = file('orders.key', keyText(privateKey))
  const ca = file('roots.crt', authority.roots)
  const openssl = (...words: readonly string[]) => spawnSync('openssl', words, { encoding: 'utf8', input: '', timeout: 60_000 })
  const verified = openssl('verify', '-x509_strict', '-CAfile', ca, chain)
  check('openssl verify', verified.status === 0, verified.stdout.trim())
  const to = ['s_client', '-connect', `${address.host}:${address.port}`, '-CAfile', ca, '-verify_return_error', '-ign_eof']
  const known = openssl(...to, '-cert', chain, '-key', key)
  check(
    'openssl s_client with a certificate of the system',
    /Verify return code: 0 \(ok\)/.test(known.stdout),
    'Verify return code: 0 (ok)',
  )
  const unknown = openssl(...to)
  check(
    'openssl s_client without one',
    /certificate required|alert/.test(unknown.stderr),
    unknown.stderr.split('\n').find((line) => line.includes('alert')) ?? unknown.stderr,
  )
  const other = openAuthority({ directory: join(directory, 'others'), system: 'shop', clock })
  const theirs = file('theirs.crt', other.issue({ names: ['orders'], publicKey, life: 3_600_000 }))
  const taken = python(address, ca, chain, key)
  check(
    "Python's ssl with a certificate of the system",
    taken.stdout.trim() === 'spiffe://shop/stock',
    taken.stdout.trim() || taken.stderr,
  )
  for (const [who, words] of [
    ['without one', []],
    ['with one of another authority', [theirs, key]],
  ] as const) {
    const { status, stderr } = python(address, ca, ...words)
    check(`Python's ssl ${who}`, status !== 0, stderr.trim().split('\n').at(-1) ?? '')
  }
}

async function refusals(running: Running): Promise<void> {
  const refused = await running
    .client(Stock)
    .ask(1)
    .catch((error: Error) => error)
  check(
    'doors ask stock, which lets in orders alone',
    refused instanceof Error && refused.message.includes('may not call service "stock"'),
    String(refused),
  )
  const mail = running.client({ ...Orders, name: 'mail' })
  const through = await mail.ask(1).catch((error: Error) => error)
  check('mail asks stock', through instanceof Error && through.message.includes('service "mail" may not call'), String(through))
}

const children: ChildProcess[] = []
try {
  for (const part of ['broker', 'stock', 'orders', 'mail']) {
    const child = fork(join(import.meta.dirname, 'foreign.child.test-support.ts'), [part, directory])
    children.push(child)
    await once(child, 'message')
  }
  const running = await start(shop, { part: ['doors'], directory, network: { tls: ownCertificates({ life: LIFE }) }, log })
  foreign(await addressOf(running))
  await refusals(running)
  await load(running)
  await running.stop()
} finally {
  for (const child of children) if (child.connected) child.disconnect()
  await Promise.all(children.map((child) => child.exitCode ?? once(child, 'exit')))
  rmSync(directory, { recursive: true, force: true })
}
process.exitCode = well ? 0 : 1
