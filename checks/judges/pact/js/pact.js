// pact-js writes pacts of a consumer, and verifies a provider: `write FOLDER`, `http URL FILE`, `messages FILE`.
import { MatchersV3, MessageProviderPact, PactV4, providerWithMetadata, Verifier } from '@pact-foundation/pact'

const [what, where, file] = process.argv.slice(2)

const put = async ({ sku }) => {
  const answer = await fetch(`${where}/prices/${sku}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ cents: 7 }),
  })
  if (!answer.ok) throw new Error(await answer.text())
}

const jobs = {
  async http() {
    await new Verifier({
      provider: 'prices',
      providerBaseUrl: where,
      pactUrls: [file],
      logLevel: 'error',
      stateHandlers: { 'a price': put, 'no prices': async () => {} },
    }).verifyProvider()
  },
  async messages() {
    const said = { sku: 'cup', cents: 3, by: 'nobody' }
    await new MessageProviderPact({
      provider: 'prices',
      pactUrls: [where],
      logLevel: 'error',
      messageProviders: {
        'event price.changed': providerWithMetadata(async () => said, { type: 'price.changed', contentType: 'application/json' }),
      },
      stateHandlers: { 'no prices': async () => {} },
    }).verify()
  },
  async write() {
    const { arrayContaining, datetime, eachLike, fromProviderState, integer, like, number, regex } = MatchersV3
    const pact = new PactV4({ consumer: 'pact-js', provider: 'prices', dir: where, logLevel: 'error' })
    await pact
      .addInteraction()
      .given('a price', { sku: 'tea' })
      .uponReceiving('the price of tea')
      .withRequest('GET', '/prices/tea')
      .willRespondWith(200, (answer) =>
        answer.headers({ 'content-type': regex('application/json.*', 'application/json') }).jsonBody({
          sku: 'tea',
          cents: integer(5),
          currency: regex('EUR|KRW', 'EUR'),
          since: datetime("yyyy-MM-dd'T'HH:mm:ss.SSSX", '2025-01-31T10:00:00.000Z'),
          steps: eachLike({ from: integer(1), cents: number(1) }),
        }),
      )
      .executeTest(async ({ url }) => void (await fetch(`${url}/prices/tea`)))
    await pact
      .addInteraction()
      .given('a price', { sku: 'tea' })
      .uponReceiving('steps in the price of what a state names')
      .withRequest('GET', fromProviderState('/prices/${sku}', '/prices/other'))
      .willRespondWith(200, (answer) =>
        answer.jsonBody({ steps: arrayContaining({ from: 3, cents: like(1) }), since: like('x') }),
      )
      .executeTest(async ({ url }) => void (await fetch(`${url}/prices/other`)))
    await pact
      .addInteraction()
      .given('no prices')
      .uponReceiving('no price')
      .withRequest('GET', '/prices/none')
      .willRespondWith(404, (answer) =>
        answer.body(
          'application/problem+json',
          Buffer.from(JSON.stringify({ code: 'UNKNOWN_PRODUCT', data: { near: like(['x']) } })),
        ),
      )
      .executeTest(async ({ url }) => void (await fetch(`${url}/prices/none`)))
    await pact
      .addInteraction()
      .uponReceiving('a new price')
      .withRequest('PUT', '/prices/cup', (request) => request.jsonBody({ cents: integer(3) }))
      .willRespondWith(204)
      .executeTest(
        async ({ url }) =>
          void (await fetch(`${url}/prices/cup`, {
            method: 'PUT',
            headers: { 'content-type': 'application/json' },
            body: '{"cents":3}',
          })),
      )
    await pact
      .addAsynchronousInteraction()
      .expectsToReceive('a changed price', (message) => {
        message.withJSONContent({ sku: like('x'), cents: integer(1) }).withMetadata({ type: 'price.changed' })
      })
      .executeTest(async () => {})
  },
}

try {
  await jobs[what]()
} catch (error) {
  console.error(error)
  process.exitCode = 1
}
