import { findings, number, sum, type Invariant } from './finding.ts'
import type { Facts, Observed } from './facts.ts'

/** Products, the carts' replicas of them, and the stock. */
export function checkCatalogue(facts: Facts, observed: Observed): Invariant[] {
  return [conserved(facts, observed), soldAsOrdered(facts), nothingReserved(facts), stockVersions(facts), replicas(facts)]
}

function conserved({ stock }: Facts, { suppliedBefore }: Observed): Invariant {
  const wrong = findings()
  for (const { key, available, sold, initial } of stock) {
    if (available + sold !== initial) wrong.add(`product ${key}: ${available} + ${sold} is not ${initial}`)
    if (available < 0) wrong.add(`product ${key}: ${available} available`)
  }
  const available = sum(stock, (item) => item.available)
  const sold = sum(stock, (item) => item.sold)
  const initial = sum(stock, (item) => item.initial)
  if (suppliedBefore !== undefined && initial !== suppliedBefore) wrong.add(`${suppliedBefore} were supplied at the start`)
  return wrong.invariant('available + sold = initial', `${number(available)} + ${number(sold)} = ${number(initial)}`)
}

function soldAsOrdered({ stock, soldByEntries }: Facts): Invariant {
  const wrong = findings()
  const known = new Set<string>()
  for (const { key, sold } of stock) {
    known.add(key)
    const ordered = soldByEntries.get(key) ?? 0
    if (sold !== ordered) wrong.add(`product ${key}: stock sold ${sold}, paid orders hold ${ordered}`)
  }
  for (const [key, ordered] of soldByEntries) if (!known.has(key)) wrong.add(`product ${key}: ${ordered} ordered, no stock known`)
  const [sold, ordered] = [sum(stock, (item) => item.sold), sum(soldByEntries.values(), (pieces) => pieces)]
  return wrong.invariant('stock sold = pieces in paid orders', `${number(sold)} = ${number(ordered)}`)
}

function nothingReserved({ stock }: Facts): Invariant {
  const wrong = findings()
  for (const { key, reserved } of stock) if (reserved !== 0) wrong.add(`product ${key}: ${reserved} reserved`)
  const reserved = sum(stock, (item) => item.reserved)
  return wrong.invariant('nothing stays reserved', `${number(reserved)} of ${number(stock.length)} products' stock`)
}

function stockVersions({ stock, products }: Facts): Invariant {
  const wrong = findings()
  const seen = new Set<string>()
  for (const { key, version } of stock) {
    seen.add(key)
    const product = products.get(key)
    if (!product) wrong.add(`product ${key} is in stock and does not exist`)
    else if (product.version !== version) wrong.add(`product ${key}: version ${version} in stock, ${product.version} offered`)
  }
  for (const key of products.keys()) if (!seen.has(key)) wrong.add(`product ${key} has no stock`)
  return wrong.invariant(
    'stock versions = product versions',
    `${number(stock.length)} in stock, ${number(products.size)} products`,
  )
}

function replicas({ replicas: seen, products }: Facts): Invariant {
  const wrong = findings()
  for (const [key, { price, version }] of products) {
    const replica = seen.get(key)
    if (!replica) wrong.add(`product ${key} is unknown to carts`)
    else if (replica.version !== version || replica.price !== price) {
      wrong.add(`product ${key}: version ${version} at ${price}, carts see ${replica.version} at ${replica.price}`)
    }
  }
  for (const key of seen.keys()) if (!products.has(key)) wrong.add(`product ${key} is known to carts only`)
  return wrong.invariant("carts' replicas = products", `${number(seen.size)} replicas, ${number(products.size)} products`)
}
