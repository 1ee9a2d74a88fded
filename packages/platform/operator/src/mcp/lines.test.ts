import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serveMcpLines, type McpServer } from './mcp.ts'

/** Answers when told to, or when it is called off. */
function slow() {
  const open = new Map<unknown, () => void>()
  const ended: unknown[] = []
  const server: McpServer = {
    answer: ({ id }, signal) =>
      new Promise((resolve) => {
        const done = (): void => resolve({ jsonrpc: '2.0', id, result: {} })
        open.set(id, done)
        signal.addEventListener('abort', () => {
          ended.push(id)
          done()
        })
      }),
  }
  return { server, open, ended }
}

const ask = (id: unknown): string => JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/list' })

async function serve(
  server: McpServer,
  chunks: AsyncIterable<string> | Iterable<string>,
): Promise<readonly Record<string, never>[]> {
  const lines: string[] = []
  const input = (async function* () {
    yield* chunks
  })()
  await serveMcpLines(server, { input, write: (line) => lines.push(line) })
  return lines.map((line) => JSON.parse(line) as Record<string, never>)
}

test('one malformed line among good ones is answered, and the others are served', async () => {
  const { server, open } = slow()
  const served = serve(server, [
    `${ask(1)}\n{"jsonrpc"\n\n[]\n{"jsonrpc":"2.0","id":{},"method":"x"}\n${ask('two').slice(0, 9)}`,
    ask('two').slice(9),
  ])
  while (open.size < 2) await new Promise((resolve) => setTimeout(resolve, 1))
  for (const done of open.values()) done()
  const answers = await served
  assert.deepEqual(
    answers.filter((one) => 'result' in one).map(({ id }) => id),
    [1, 'two'],
  )
  assert.equal(answers.filter((one) => 'error' in one).length, 3)
})

test('what is called off is not answered, one id is asked once at a time, and there are not too many at once', async () => {
  const { server, open, ended } = slow()
  const many = Array.from({ length: 32 }, (_, id) => ask(id)).join('\n')
  const cancelled = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 0 } })
  const served = serve(server, [`${many}\n${ask(1)}\n${ask(99)}\n${cancelled}\n`])
  while (ended.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  for (const done of open.values()) done()
  const answers = await served
  const [twice, over] = answers.filter((one) => 'error' in one) as unknown as { id?: number; error: { message: string } }[]
  assert.deepEqual([twice!.id, over!.id], [undefined, 99])
  assert.match(over!.error.message, /32 requests are under way/)
  assert.deepEqual(ended, [0])
  assert.equal(
    answers.some(({ id }) => (id as unknown) === 0),
    false,
  )
  assert.equal(answers.filter((one) => 'result' in one).length, 31)
})

test('a line that is too long is passed over', async () => {
  const { server, open } = slow()
  const part = 'x'.repeat(9 * 1024 * 1024)
  const served = serve(server, [part, part, part, `${part}\n${ask(1)}\n`])
  while (open.size < 1) await new Promise((resolve) => setTimeout(resolve, 1))
  open.get(1)!()
  const [refused, answered] = await served
  assert.match(JSON.stringify(refused), /16777216 characters/)
  assert.equal(answered!['id'], 1)
})
