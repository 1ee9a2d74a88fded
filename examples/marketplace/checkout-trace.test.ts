import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openTraces, type Span } from 'dure/telemetry'
import { httpProvider } from './services/payment/adapters/http-provider.ts'
import { ADDRESS, itemOf, offer, withShop, type Shop } from './shop.test-support.ts'

type Answer = (response: ServerResponse) => void

const pays: Answer = (response) => void response.end(JSON.stringify({ status: 'succeeded' }))
const breaks: Answer = (response) => void response.writeHead(500).end('{}')
/** As one that was stopped: it takes the request and says nothing. */
const frozen: Answer = () => {}

/** A payment provider whose answers the test decides. */
async function providerOf(t: TestContext, first: Answer) {
  const state = { answer: first, asked: 0, traceparents: [] as (string | undefined)[] }
  const server = createServer((request, response) => {
    state.asked++
    state.traceparents.push(request.headers['traceparent'] as string | undefined)
    request.resume().on('end', () => state.answer(response))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const provider = httpProvider({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, timeout: 500 })
  t.after(async () => {
    await provider.close()
    server.closeAllConnections()
    server.close()
  })
  return { state, provider }
}

/** The spans of the one checkout, as soon as they are enough; the test's own timeout is the bound. */
async function checkoutOf({ directory }: Shop, enough: (spans: readonly Span[]) => boolean): Promise<readonly Span[]> {
  for (;;) {
    const traces = openTraces(directory)
    const found = traces?.recent(1_000).find(({ name }) => name === 'cart.checkout')
    const spans = found === undefined ? [] : traces!.trace(found.traceId)
    traces?.close()
    if (enough(spans)) return spans
    await sleep(20)
  }
}

async function order(shop: Shop): Promise<void> {
  await offer(shop, 1)
  await shop.cart.add({ customerId: 7, ...itemOf(1) })
  await shop.cart.checkout({ customerId: 7, ...ADDRESS, paymentType: 'BOLETO', instanceId: 't1' })
}

/** Which services lead to which, as a map of them is drawn of spans: over calls, and from publishing to reacting. */
function edgesOf(spans: readonly Span[]): string[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]))
  const edges = spans.flatMap((span) => {
    const from = byId.get(span.parentId ?? '')?.service
    return from === undefined || from === span.service ? [] : [`${from} → ${span.service}`]
  })
  return [...new Set(edges)].toSorted()
}

const EDGES = [
  'cart → stock',
  'order → payment',
  'order → seller',
  'payment → customer',
  'payment → order',
  'payment → seller',
  'payment → shipment',
  'payment → stock',
  'shipment → audit',
  'shipment → order',
  'shipment → seller',
  'stock → order',
]

/** Nothing is missing in between: every span but the first is part of another. */
function assertWhole(spans: readonly Span[]): void {
  const known = new Set(spans.map(({ spanId }) => spanId))
  assert.deepEqual(
    spans.filter(({ parentId }) => !known.has(parentId ?? '')).map(({ name }) => name),
    ['cart.checkout'],
  )
}

const charges = (spans: readonly Span[]): readonly Span[] =>
  spans.filter(({ name, service }) => name === 'POST' && service === 'payment')

test(
  'one checkout is a whole trace without being asked for, the time of the payment provider in it',
  { timeout: 120_000 },
  async (t) => {
    const { state, provider } = await providerOf(t, pays)
    await withShop(
      async (shop) => {
        await order(shop)
        await shop.quiet()
        const spans = await checkoutOf(shop, (found) => found.some(({ name }) => name === 'process transaction.mark'))
        assertWhole(spans)
        const edges = edgesOf(spans)
        t.diagnostic(edges.join(', '))
        assert.deepEqual(
          EDGES.filter((edge) => !edges.includes(edge)),
          [],
        )
        const [charge, ...others] = charges(spans)
        assert.deepEqual(others, [])
        assert.deepEqual([charge!.status, charge!.attributes['http.response.status_code']], ['unset', 200])
        assert.equal(state.traceparents[0], `00-${charge!.traceId}-${charge!.spanId}-03`)
        // One conversation from the cart to the mark.
        const conversations = new Set(spans.flatMap(({ attributes }) => attributes['messaging.message.conversation_id'] ?? []))
        assert.equal(conversations.size, 1)
      },
      { provider },
    )
  },
)

for (const [how, answer, error] of [
  ['frozen', frozen, 'UND_ERR_HEADERS_TIMEOUT'],
  ['failing', breaks, '500'],
] as const)
  test(
    `with the provider ${how} the trace says who waits for what, and is whole once it is back`,
    { timeout: 120_000 },
    async (t) => {
      const { state, provider } = await providerOf(t, answer)
      await withShop(
        async (shop) => {
          await order(shop)
          const stuck = await checkoutOf(shop, (found) => charges(found).length > 0)
          assertWhole(stuck)
          const tried = stuck.find(({ name }) => name === 'prepare invoice.issued')!
          assert.deepEqual([tried.status, tried.attributes['dure.message.attempt']], ['error', 1])
          assert.ok(Number(tried.attributes['dure.message.next_try_within_ms']) > 0)
          assert.deepEqual([charges(stuck)[0]!.attributes['error.type'], charges(stuck)[0]!.parentId], [error, tried.spanId])

          while (state.asked < 6) await sleep(20)
          state.answer = pays
          const spans = await checkoutOf(shop, (found) => found.some(({ name }) => name === 'process transaction.mark'))
          assertWhole(spans)
          // Fewer than there were tries; the one that went well with what it did.
          const tries = spans.filter(({ name }) => name === 'prepare invoice.issued')
          assert.ok(tries.length < state.asked, `${tries.length} of ${state.asked}`)
          assert.equal(tries.at(-1)!.attributes['dure.message.attempt'], state.asked)
          assert.equal(charges(spans).at(-1)!.attributes['http.response.status_code'], 200)
        },
        { provider },
      )
    },
  )
