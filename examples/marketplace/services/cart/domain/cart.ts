import { event, type EventInput } from 'dure/contract'
import { aggregate, type Aggregate, type NewEvent, type Stream } from 'dure/eventsourcing'
import { z } from 'zod'
import { Id, InstanceId, ProductStatus, Text, Version } from '../../values.ts'
import { CartFull, InvalidQuantity } from '../contract.ts'

/** More lines than anybody buys at once, and few enough to be reserved and ordered in one transaction. */
export const MOST_LINES = 100

const Cents = z.int().min(0)

/** A line of a cart. Money is whole cents; `voucher` is an amount off the whole line. */
export const Line = z.object({
  sellerId: Id,
  productId: Id,
  productName: Text,
  unitPrice: Cents,
  freightValue: Cents,
  quantity: z.int().min(1),
  voucher: Cents,
  version: Version,
})
export type Line = Readonly<z.output<typeof Line>>

const OfCustomer = z.object({ customerId: Id })
const key = ({ customerId }: z.output<typeof OfCustomer>): number => customerId

/** In place of a line for the same product. */
const LinePut = event('cart.line-put', { schema: OfCustomer.extend({ line: Line }), key })
/** The product has another price now. */
const Repriced = event('cart.repriced', {
  schema: OfCustomer.extend(Line.pick({ sellerId: true, productId: true, unitPrice: true, voucher: true }).shape),
  key,
})
/** Its lines were sent to be ordered, but for those that were dropped; the cart is empty. */
const CheckedOut = event('cart.checked-out', {
  schema: OfCustomer.extend({
    tid: InstanceId,
    checkoutId: z.string(),
    items: z.array(Line),
    dropped: z.array(ProductStatus),
  }),
  key,
})
/** Given up without an order. */
const Emptied = event('cart.emptied', { schema: OfCustomer, key })

type Events = readonly [typeof LinePut, typeof Repriced, typeof CheckedOut, typeof Emptied]
const State = z.object({ lines: z.array(Line).readonly() })
type State = z.output<typeof State>

export type Checkout = EventInput<typeof CheckedOut>
/** What its customer does to a cart, or a new price. */
export type Change =
  | { readonly kind: 'put'; readonly line: Line }
  | {
      readonly kind: 'reprice'
      readonly sellerId: number
      readonly productId: number
      readonly version: string
      readonly price: number
    }
  | { readonly kind: 'empty' }

type Command = Change & { readonly customerId: number }

/** A customer's cart, kept as what has happened to it. */
export const cart: Aggregate<Events, State, Command> = aggregate('cart', {
  events: [LinePut, Repriced, CheckedOut, Emptied],
  initial: (): State => ({ lines: [] }),
  decide: (command: Command, { lines }): readonly NewEvent<Events>[] => {
    const { customerId, kind } = command
    switch (kind) {
      case 'put': {
        const { line } = command
        if (line.quantity < 1) throw InvalidQuantity({ quantity: line.quantity })
        if (lines.length >= MOST_LINES && !lines.some(sameProduct(line))) throw CartFull({ customerId, most: MOST_LINES })
        return [{ type: 'cart.line-put', data: { customerId, line } }]
      }
      case 'reprice':
        return lines.filter(sameProduct(command)).flatMap((line) => repriced(customerId, line, command))
      case 'empty':
        return lines.length === 0 ? [] : [{ type: 'cart.emptied', data: { customerId } }]
    }
  },
  evolve: ({ lines }, { type, data }) => {
    switch (type) {
      case 'cart.line-put':
        return { lines: [...lines.filter((line) => !sameProduct(data.line)(line)), data.line].toSorted(byProduct) }
      case 'cart.repriced':
        return {
          lines: lines.map((line) =>
            sameProduct(data)(line) ? { ...line, unitPrice: data.unitPrice, voucher: data.voucher } : line,
          ),
        }
      case 'cart.checked-out':
      case 'cart.emptied':
        return { lines: [] }
    }
  },
  snapshot: { every: 20, state: State },
})

export const cartOf = (customerId: number): Stream<Events, State, Command> => cart.stream(String(customerId))

type Product = Pick<Line, 'sellerId' | 'productId'>

const sameProduct =
  (one: Product) =>
  (other: Product): boolean =>
    one.sellerId === other.sellerId && one.productId === other.productId

const byProduct = (one: Product, other: Product): number => one.sellerId - other.sellerId || one.productId - other.productId

/** For the version that the price was made for and no other. A customer keeps a lower price as a voucher for the difference on every piece. */
function repriced(customerId: number, line: Line, change: Change & { kind: 'reprice' }): NewEvent<Events>[] {
  const { sellerId, productId, unitPrice, quantity, version } = line
  const { price } = change
  if (version !== change.version || unitPrice === price) return []
  const voucher = line.voucher + Math.max(0, price - unitPrice) * quantity
  return [{ type: 'cart.repriced', data: { customerId, sellerId, productId, unitPrice: price, voucher } }]
}

/** The products as the carts see them, by seller and product; not there is what has not been announced yet. */
export type Seen = ReadonlyMap<string, { readonly price: number; readonly version: string }>

export const productOf = ({ sellerId, productId }: Product): string => `${sellerId}/${productId}`

/**
 * What of a cart can be ordered. A line is left out when it names another price than the product has in the same
 * version. A line of another version goes on: whether that version exists is for the stock to say.
 */
export function settle(lines: readonly Line[], products: Seen): Pick<Checkout, 'items' | 'dropped'> {
  const diverges = (line: Line): boolean => {
    const seen = products.get(productOf(line))
    return seen?.version === line.version && seen.price !== line.unitPrice
  }
  return {
    items: lines.filter((line) => !diverges(line)),
    dropped: lines.filter(diverges).map(({ sellerId, productId }) => ({ sellerId, productId, status: 'PRICE_DIVERGENCE' })),
  }
}
