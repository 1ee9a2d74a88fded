import type { Running } from 'dure/service'
import { Product } from './services/product/contract.ts'

/** The lines shown when all is ready: where the door is, and three commands that work. */
export async function welcome(running: Pick<Running, 'client'>, url: string): Promise<string> {
  const { products, sellers } = await running.client(Product).totals()
  const [first] = (await running.client(Product).list({ limit: 1 })).items
  const head = `ready\n\n  ${url}  ${products.toLocaleString('en')} products of ${sellers.toLocaleString('en')} sellers; what it can do: ${url}/openapi.json\n`
  if (first === undefined) return `${head}\nThere is nothing to sell yet: POST /product, or start with --products 1000`
  const { sellerId, productId, name, price, freightValue, version } = first
  const item = { sellerId, productId, productName: name, unitPrice: price, freightValue, quantity: 1, version }
  const address = { firstName: 'Ada', lastName: 'Kim', street: '1 Elm Street', city: 'Seoul', state: 'SE', zipCode: '04524' }
  return `${head}
Try it:
  ${curl('PATCH', `${url}/cart/1/add`, item)}
  ${curl('POST', `${url}/cart/1/checkout`, { ...address, paymentType: 'BOLETO' })}
  curl -s ${url}/order/1`
}

function curl(method: string, url: string, body: unknown): string {
  const json = JSON.stringify(body).replaceAll("'", String.raw`'\''`)
  return `curl -s -X ${method} ${url} -H 'content-type: application/json' -d '${json}'`
}
