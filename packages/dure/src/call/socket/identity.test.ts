import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError } from '../../contract/contract.ts'
import { certificateOf, newKeys, keyText, signRequest, requestOf } from '../../identity/internal.ts'
import type { CallContext } from '../context.ts'
import type { Peer } from '../peer.ts'
import type { Transport } from '../transport.ts'
import { replaceable, signing } from './identity.test-support.ts'
import { connect, contextFor, echo, listen, runtime, until, wait } from './rig.test-support.ts'
import type { ListenSocketOptions, Tls } from './socket.ts'

const naming = { domain: 'shop', required: true } as const
const HOUR = 3_600_000

const failureOf = async (work: Promise<unknown>): Promise<CallError> => {
  const failure = await work.then(
    (value) => assert.fail(`It answered ${JSON.stringify(value)}`),
    (error: unknown) => error,
  )
  assert.ok(failure instanceof CallError, String(failure))
  return failure
}

/** Why nobody is reached: what TLS makes of it is said by whichever end was first. */
async function unreached(peer: Peer, words: RegExp): Promise<void> {
  const { code, message } = await failureOf(echo(peer, 1, 30_000))
  assert.equal(code, 'UNAVAILABLE')
  assert.match(message, words)
  await peer.stop()
}

test('a caller is who its certificate says, and nobody else', { timeout: 120_000 }, async (t) => {
  const { tls } = signing(t)
  const answering: Transport = {
    route: () => ({ call: async (_input, { caller }) => caller ?? 'nobody', stream: () => assert.fail('no stream') }),
  }
  const listener = await listen({ tls: tls(['rig']), naming, transport: answering })
  const askAs = async (names: readonly string[], caller: string | undefined, operation = 'echo'): Promise<unknown> => {
    const peer = connect(listener.address, { tls: tls(names), naming })
    const context: CallContext = { ...contextFor(60_000), caller }
    const answered = await peer
      .route({ service: 'rig', operation })
      .call(undefined, context)
      .catch((error: unknown) => error)
    await peer.stop()
    return answered
  }
  assert.equal(await askAs(['cart'], 'cart'), 'cart')
  assert.equal(await askAs(['cart', 'web'], 'web'), 'web')
  const refused = await askAs(['mail'], 'cart')
  assert.ok(refused instanceof CallError && refused.code === 'PERMISSION_DENIED', String(refused))
  assert.equal(
    refused.message,
    'Call to rig.echo was refused: its caller says that it is "cart", and its certificate is of "mail"',
  )
  // Whoever names nobody comes in at the doors only where its certificate says that it opens them.
  assert.equal(await askAs(['doors'], undefined), 'nobody')
  assert.equal(await askAs(['mail'], undefined), 'mail')
  // Copies of a service hand calls on under the name of whoever called first; others do not.
  assert.equal(await askAs(['rig'], 'cart', 'dure.keyed.echo'), 'cart')
  assert.ok((await askAs(['rig'], 'cart')) instanceof CallError)
  assert.ok((await askAs(['mail'], 'cart', 'dure.keyed.echo')) instanceof CallError)
  await listener.stop()
})

test('a server is asked only for the services that its certificate names', { timeout: 120_000 }, async (t) => {
  const { tls } = signing(t)
  const listener = await listen({ tls: tls(['stock']), naming })
  const peer = connect(listener.address, { tls: tls(['cart']), naming })
  const { code, message } = await failureOf(echo(peer, 1))
  assert.deepEqual([code, /its certificate is of "stock", not of "rig"/.test(message)], ['UNAVAILABLE', true])
  await peer.stop()
  const other = connect(listener.address, { tls: tls(['cart']), naming })
  const stock = other.route({ service: 'stock', operation: 'echo' })
  assert.equal(await stock.call('here', contextFor()), 'here')
  assert.match((await failureOf(echo(other, 1))).message, /is of "stock", not of "rig"/)
  // It is not asked again at once.
  assert.match((await failureOf(echo(other, 1))).message, /its certificate is not of "rig"/)
  // Whoever was refused has taken nothing away from the others.
  assert.equal(await stock.call('still here', contextFor()), 'still here')
  await other.stop()
  await listener.stop()
})

test(
  'what is no certificate of the system is refused: none, another authority, another system, ended, forged',
  { timeout: 120_000 },
  async (t) => {
    const ours = signing(t)
    const theirs = signing(t)
    const listener = await listen({ tls: ours.tls(['rig']), naming })
    const calling = (tls: Tls | undefined): Peer => connect(listener.address, { tls, naming: tls && naming })
    await unreached(calling(undefined), /no connection/)
    await unreached(connect(listener.address, { tls: { ca: ours.authority.roots }, naming }), /no connection/)
    await unreached(calling({ ...theirs.tls(['cart']), ca: ours.authority.roots }), /no connection/)
    await unreached(calling({ ...ours.tls(['cart']), ca: theirs.authority.roots }), /no connection/)
    // Its own authority has signed it, a day and an hour ago.
    const ca = ours.authority.roots
    const { publicKey, privateKey } = newKeys()
    const forge = (uris: readonly string[], from: number, until: number): Tls => {
      const issuer = { subject: 'Dure authority of shop', key: rootKey }
      const fields = { subject: 'forged', publicKey, authorities: undefined }
      return {
        cert: certificateOf({ ...fields, uris, from: Date.now() + from, until: Date.now() + until }, issuer),
        key: keyText(privateKey),
        ca,
      }
    }
    const rootKey = ours.rootKey()
    await unreached(calling(forge(['spiffe://shop/cart'], -25 * HOUR, -HOUR)), /no connection/)
    await unreached(calling(forge(['spiffe://shop/cart'], HOUR, 2 * HOUR)), /no connection/)
    await unreached(
      calling(
        forge(['spiffe://shops/cart', 'https://shop/cart', 'spiffe://shop', 'spiffe://shop/a/b', 'spiffe://shop/'], -HOUR, HOUR),
      ),
      /names no service of "shop"/,
    )
    const known = calling(forge(['spiffe://shop/cart'], -HOUR, HOUR))
    assert.equal(await echo(known, 'here'), 'here')
    await known.stop()
    await listener.stop()
  },
)

test('a clock that is an hour off is no reason to refuse', { timeout: 120_000 }, async (t) => {
  for (const off of [-HOUR, HOUR]) {
    const { tls } = signing(t, off)
    const listener = await listen({ tls: tls(['rig']), naming })
    const peer = connect(listener.address, { tls: tls(['cart']), naming })
    assert.equal(await echo(peer, off), off)
    await peer.stop()
    await listener.stop()
  }
})

test('the authority of another host speaks for the services that it was signed for', { timeout: 120_000 }, async (t) => {
  const { authority, tls } = signing(t)
  const listener = await listen({ tls: tls(['rig']), naming })
  const host = newKeys()
  const clock = { now: Date.now }
  const options = { clock, request: requestOf('host-b', host), services: ['stock'], life: 24 * HOUR }
  const [signed = ''] = signRequest(authority, options).split('-----END CERTIFICATE-----\n')
  const { publicKey, privateKey } = newKeys()
  const calling = (names: readonly string[]): Peer => {
    const own = certificateOf(
      {
        subject: 'own',
        publicKey,
        from: Date.now() - HOUR,
        until: Date.now() + HOUR,
        authorities: undefined,
        uris: names.map((name) => `spiffe://shop/${name}`),
      },
      { subject: 'host-b', key: host.privateKey },
    )
    return connect(listener.address, {
      tls: { cert: `${own}${signed}-----END CERTIFICATE-----\n`, key: keyText(privateKey), ca: authority.roots },
      naming,
    })
  }
  const stock = calling(['stock', 'cart'])
  assert.equal(await echo(stock, 'here'), 'here')
  const as = (caller: string) => stock.route({ service: 'rig', operation: 'echo' }).call(1, { ...contextFor(), caller })
  assert.equal(await as('stock'), 1)
  assert.match((await failureOf(as('cart'))).message, /says that it is "cart", and its certificate is of "stock"$/)
  await stock.stop()
  await unreached(calling(['cart']), /names no service of "shop"/)
  await listener.stop()
})

test('certificates are replaced under load: no call fails, and what is under way goes on', { timeout: 120_000 }, async (t) => {
  const { tls } = signing(t)
  const server = replaceable(tls(['rig']))
  const client = replaceable(tls(['cart']))
  const listener = await listen({ tls: server, naming })
  const peer = connect(listener.address, { tls: client, naming })
  let calls = 0
  let done = false
  const load = Array.from({ length: 8 }, async () => {
    while (!done) {
      const n = calls++
      assert.equal(await echo(peer, n), n)
    }
  })
  await until(() => calls > 20)
  const ticks = peer.route({ service: 'rig', operation: 'ticks' }).stream(undefined, contextFor(110_000))[Symbol.asyncIterator]()
  assert.equal((await ticks.next()).value, 0)
  for (let round = 1; round <= 5; round++) {
    server.replace(tls(['rig']))
    client.replace(tls(['cart']))
    // The stream is where it was, and the calls are on another.
    await until(() => listener.status().connections >= 2)
    const before = calls
    await until(() => calls > before + 20)
    assert.equal((await ticks.next()).value, round)
  }
  done = true
  await Promise.all(load)
  // The one in use, and the one that the stream is on.
  await until(() => listener.status().connections <= 2)
  await ticks.return?.()
  await until(() => listener.status().connections === 1)
  await peer.stop()
  await listener.stop()
})

test('a process that takes in a service is asked for it, once its certificate says so', { timeout: 120_000 }, async (t) => {
  const { tls } = signing(t)
  const server = replaceable(tls(['stock']))
  const listener = await listen({ tls: server, naming })
  const peer = connect(listener.address, { tls: tls(['cart']), naming })
  const stock = peer.route({ service: 'stock', operation: 'echo' })
  assert.equal(await stock.call(1, contextFor()), 1)
  server.replace(tls(['stock', 'rig']))
  assert.equal(await echo(peer, 2), 2)
  await peer.stop()
  await listener.stop()
})

test('a connection ends with the certificate that it was opened with', { timeout: 120_000 }, async (t) => {
  const { tls } = signing(t)
  // For the listener it is nearly a day later.
  const late: ListenSocketOptions['runtime'] = {
    ...runtime,
    clock: { ...runtime.clock, now: () => Date.now() + 24 * HOUR - 100 },
  }
  const listener = await listen({ tls: tls(['rig']), naming, runtime: late })
  const peer = connect(listener.address, { tls: tls(['cart']), naming })
  const { code } = await failureOf(wait(peer, 100_000))
  assert.equal(code, 'UNAVAILABLE')
  await peer.stop()
  await listener.stop()
})
