/** Each policy of `dure/resilience` alone, around what an Express application asks of a provider; nothing else of Dure. */
import express from 'express'
import {
  breaker,
  bulkhead,
  cache,
  collapse,
  compose,
  fallback,
  hedge,
  limit,
  rateLimit,
  retry,
  timeout,
  type Guard,
} from 'dure/resilience'

const provider = process.env['PROVIDER_URL']!
const load = async (id: string, options?: { readonly signal?: AbortSignal }): Promise<string> => {
  const response = await fetch(`${provider}/${id}`, options)
  if (!response.ok) throw new Error(`The provider said ${response.status}`)
  return response.text()
}

const circuit = breaker({ name: 'provider', window: { calls: 10 }, minimumCalls: 3, open: { first: 60_000, max: 60_000 } })
const guards: Readonly<Record<string, Guard>> = {
  breaker: circuit,
  fallback: fallback(() => 'something else'),
  retry: retry({ backoff: { first: 1, max: 5 } }),
  timeout: timeout({ ms: 200, name: 'provider' }),
  bulkhead: bulkhead({ concurrency: 1, name: 'provider' }),
  rateLimit: rateLimit({ rate: 2, per: 3_600_000, name: 'provider' }),
  limit: limit({ limit: 1, name: 'provider' }),
  hedge: hedge({ after: 50 }),
  collapse: collapse(),
  cache: cache(),
  all: compose(
    fallback(() => 'something else'),
    retry({ backoff: { first: 1, max: 5 } }),
    timeout({ ms: 1_000 }),
  ),
}

const app = express()
for (const [name, guard] of Object.entries(guards)) {
  const guarded = guard.around(load, { key: (id) => id, withSignal: (signal, id) => [id, { signal }] })
  app.get(`/${name}/:id`, (request, response) => {
    guarded(request.params.id).then(
      (text) => response.send(text),
      (error: Error) => response.status(503).send(error.message),
    )
  })
}
app.get('/state', (_request, response) => void response.json(circuit.reading().now))

const server = app.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  const { port } = server.address() as { readonly port: number }
  console.log(`Listening on http://127.0.0.1:${port}`)
})
