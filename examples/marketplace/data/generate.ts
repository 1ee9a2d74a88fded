import type { OperationInput } from 'dure/contract'
import { seededRandom, type Random } from 'dure/runtime'
import type { Customer } from '../services/customer/contract.ts'
import type { Product } from '../services/product/contract.ts'
import type { Seller } from '../services/seller/contract.ts'
import { ADJECTIVES, BRANDS, CATEGORIES, CITIES, FIRST_NAMES, LAST_NAMES, LETTERS, STREETS, THINGS, TRADES } from './words.ts'

export type NewCustomer = OperationInput<typeof Customer.operations.put>
export type NewProduct = OperationInput<typeof Product.operations.add>
export type NewSeller = OperationInput<typeof Seller.operations.put>

/** Sellers have ten products each. */
export const PRODUCTS_OF_SELLER = 10
/** Pieces of each product. */
export const SUPPLY = 10_000

// Each thing draws from a seed of its own, so that the 7th customer of a seed is the same whoever is made before.
const randomOf = (seed: number, kind: number, id: number): Random =>
  seededRandom(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(kind, 0x85ebca6b) ^ Math.imul(id, 0xc2b2ae35))

const pick = <T>(random: Random, list: readonly T[]): T => list[random.integer(list.length)]!
const digits = (random: Random, length: number): string => Array.from({ length }, () => random.integer(10)).join('')
const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)

function addressOf(random: Random): { street: string; complement: string; city: string; state: string; zipCode: string } {
  const [city, state] = pick(random, CITIES)
  return {
    street: `${1 + random.integer(200)} ${pick(random, STREETS)} Street`,
    complement: random.integer(4) === 0 ? `Flat ${1 + random.integer(40)}` : '',
    city,
    state,
    zipCode: digits(random, 5),
  }
}

/** The sellers 1 to `count`. */
export function* generateSellers(seed: number, count: number): Generator<NewSeller> {
  for (let sellerId = 1; sellerId <= count; sellerId++) {
    const random = randomOf(seed, 1, sellerId)
    const name = `${pick(random, FIRST_NAMES)} ${pick(random, LAST_NAMES)}`
    yield {
      sellerId,
      name,
      companyName: `${capital(pick(random, ADJECTIVES))} ${capital(pick(random, THINGS))} ${pick(random, TRADES)}`,
      email: `seller${sellerId}@example.com`,
      phone: `+82 ${digits(random, 8)}`,
      ...addressOf(random),
    }
  }
}

/** The products 1 to `count`, ten of each seller. */
export function* generateProducts(seed: number, count: number): Generator<NewProduct> {
  for (let productId = 1; productId <= count; productId++) {
    const random = randomOf(seed, 2, productId)
    const name = `${capital(pick(random, ADJECTIVES))} ${pick(random, THINGS)}`
    const category = pick(random, CATEGORIES)
    yield {
      sellerId: Math.ceil(productId / PRODUCTS_OF_SELLER),
      productId,
      name,
      sku: Array.from({ length: 16 }, () => LETTERS[random.integer(LETTERS.length)]).join(''),
      category,
      description: `${name}, for the ${category}`,
      price: random.integer(10_000) / 100,
      freightValue: random.integer(1_000) / 100,
      status: 'approved',
      version: '0',
    }
  }
}

/** The customers 1 to `count`; seven in ten pay with a card in their own name. */
export function* generateCustomers(seed: number, count: number): Generator<NewCustomer> {
  for (let customerId = 1; customerId <= count; customerId++) {
    const random = randomOf(seed, 3, customerId)
    const [firstName, lastName] = [pick(random, FIRST_NAMES), pick(random, LAST_NAMES)]
    const own = random.integer(10) < 7
    yield {
      customerId,
      firstName,
      lastName,
      ...addressOf(random),
      cardNumber: digits(random, 16),
      cardHolderName: own ? `${firstName} ${lastName}` : `${pick(random, FIRST_NAMES)} ${pick(random, LAST_NAMES)}`,
      cardExpiration: `${String(1 + random.integer(12)).padStart(2, '0')}${28 + random.integer(8)}`,
      cardBrand: pick(random, BRANDS),
    }
  }
}
