import { failed, readMessage, RPC, type McpServer, type RpcId, type RpcResponse } from './server.ts'

/** Requests under way at once; more are refused. */
const MOST = 32
/** Characters of one message. */
const LONGEST = 16 * 1024 * 1024

/**
 * Serves MCP over lines, as clients do that start it as a program: a message a line in, a message a line out. Resolves when there is no more
 * input, and what is under way is answered.
 */
export async function serveMcpLines(
  { answer }: McpServer,
  { input, write }: { readonly input: AsyncIterable<Uint8Array | string>; readonly write: (line: string) => void },
): Promise<void> {
  const open = new Map<RpcId, { readonly end: AbortController; readonly done: Promise<void> }>()
  const say = (response: RpcResponse): void => write(`${JSON.stringify(response)}\n`)
  const take = (line: string): void => {
    const read = readMessage(jsonOf(line))
    if (read.kind === 'unfit') return say(read.error)
    if (read.kind === 'notification') {
      if (read.method === 'notifications/cancelled') open.get(read.params['requestId'] as RpcId)?.end.abort()
      return
    }
    const { id } = read.request
    if (open.has(id))
      return say(failed({ code: RPC.request, message: `A request with the id ${JSON.stringify(id)} is under way` }))
    if (open.size >= MOST)
      return say(failed({ code: RPC.internal, message: `${MOST} requests are under way; wait for them` }, id))
    const end = new AbortController()
    const done = answer(read.request, end.signal).then((response) => {
      open.delete(id)
      // Who called it off is told nothing more.
      if (!end.signal.aborted) say(response)
    })
    open.set(id, { end, done })
  }
  for await (const line of linesOf(input)) {
    if (line === undefined) say(failed({ code: RPC.request, message: `A message may have ${LONGEST} characters` }))
    else if (line.trim() !== '') take(line)
  }
  await Promise.all([...open.values()].map(({ done }) => done))
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** Undefined for one that is too long, which is passed over. */
async function* linesOf(input: AsyncIterable<Uint8Array | string>): AsyncGenerator<string | undefined> {
  const decoder = new TextDecoder()
  let text = ''
  let passing = false
  for await (const chunk of input) {
    const lines = (text + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))).split('\n')
    text = lines.pop()!
    for (const line of lines) {
      if (!passing) yield line
      passing = false
    }
    if (text.length <= LONGEST) continue
    if (!passing) yield undefined
    passing = true
    text = ''
  }
  if (text !== '' && !passing) yield text
}
