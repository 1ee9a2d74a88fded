import { styleText } from 'node:util'
import { realRuntime } from 'dure/runtime'
import type { Running } from 'dure/service'
import type { MarketplaceFlags } from './flags.ts'
import { Product } from './services/product/contract.ts'

export type WelcomeOptions = {
  readonly running: Pick<Running, 'client' | 'doors'>
  /** Of its HTTP door. */
  readonly url: string
  readonly flags: Pick<MarketplaceFlags, 'data' | 'frontends'>
}

/** The lines shown when all is ready: where the door is, three commands that order something, and one that shows what followed. */
export async function welcome({ running, url, flags }: WelcomeOptions): Promise<string> {
  const { products, sellers } = await running.client(Product).totals()
  const [first] = (await running.client(Product).list({ limit: 1 })).items
  // The gateway is the last of all doors.
  const gateway = flags.frontends === undefined ? undefined : running.doors.at(-1)?.url
  const clients =
    gateway === undefined
      ? ''
      : `  curl -s -H 'Host: m.localhost' ${gateway}/home/1  for telephones; web.localhost is for browsers\n`
  const page = running.doors.find((door) => door.page?.includes('#open='))?.page
  const shown = page === undefined ? '' : `  ${page}  the console: open it in a browser (good once)\n`
  const head = `ready\n\n${shown}  ${url}  ${products.toLocaleString('en')} products of ${sellers.toLocaleString('en')} sellers\n  ${url}/openapi.json  what it can do\n${clients}`
  if (first === undefined) return `${head}\nThere is nothing to sell yet: POST /product, or start with --products 1000`
  const { sellerId, productId, name, price, freightValue, version } = first
  const item = { sellerId, productId, productName: name, unitPrice: price, freightValue, quantity: 1, version }
  const address = { firstName: 'Ada', lastName: 'Kim', street: '1 Elm Street', city: 'Seoul', state: 'SE', zipCode: '04524' }
  // Chosen here, so that the trace has a name before it is there; and it is kept, however few others are.
  const { ids } = realRuntime()
  const [trace, span] = [ids.hex(16), ids.hex(8)]
  return `${head}
Order something, in another terminal:
  ${curl('PATCH', `${url}/cart/1/add`, item)}
  ${curl('POST', `${url}/cart/1/checkout`, { ...address, paymentType: 'BOLETO' }, `traceparent: 00-${trace}-${span}-01`)}
  curl -s ${url}/order/1

What it led to, over all services (a payment fails now and then, by design):
  npx dure trace ${trace.slice(0, 12)} --data ${word(flags.data)}`
}

/** What to try with the processes: to kill one, and to have more of them. */
export function nextSteps(options: { readonly words: readonly string[]; readonly split: boolean; readonly pid: number }): string {
  const { words, split, pid } = options
  const again = (more: readonly string[]): string =>
    ['npm start', ...(more.length > 0 ? ['--', ...more.map(word)] : [])].join(' ')
  return split
    ? `Kill the service "order" at work: it is back before long, and no order is lost:
  kill -9 ${pid}`
    : `Kill it at work and start it again; no order is lost:
  kill -9 ${pid}; ${again(words)}
The same services in a process each, when this one has ended:
  ${again(['--split', ...words.filter((one) => one !== '--threads')])}`
}

/** In colour for a terminal that has it. */
export function painted(text: string): string {
  return text
    .replace(/^ready$/m, (found) => styleText(['bold', 'green'], found))
    .replaceAll(/^ {2}http\S+/gm, (found) => styleText('cyan', found))
    .replaceAll(/^[A-Z].*:$/gm, (found) => styleText('dim', found))
}

function curl(method: string, url: string, body: unknown, header?: string): string {
  const json = JSON.stringify(body).replaceAll("'", String.raw`'\''`)
  const headers = ['content-type: application/json', ...(header === undefined ? [] : [header])]
  return `curl -s -X ${method} ${url} ${headers.map((each) => `-H '${each}'`).join(' ')} -d '${json}'`
}

/** A word of a command line, quoted where a shell would read more in it. */
function word(text: string): string {
  return /^[\w./:=,@-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
