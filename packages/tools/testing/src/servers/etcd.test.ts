import { serverTests } from './life.test-support.ts'

const ask = async (port: number, path: string, body: object): Promise<unknown> =>
  (await fetch(`http://127.0.0.1:${port}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body) })).json()
const key = btoa('order')

serverTests('etcd', {
  write: async ({ port }) => void (await ask(port, 'put', { key, value: btoa('first') })),
  read: async ({ port }) => ((await ask(port, 'range', { key })) as { count?: string }).count === '1',
})
