import { event } from 'dure/contract'
import { z } from 'zod'

const time = z.int()
const id = z.int()

export const PersonSeen = event('nexmark.person', {
  schema: z.object({
    ...{ id, name: z.string(), emailAddress: z.string(), creditCard: z.string(), city: z.string(), state: z.string() },
    ...{ dateTime: time, extra: z.string() },
  }),
  key: (person) => String(person.id),
})

export const AuctionOpened = event('nexmark.auction', {
  schema: z.object({
    ...{ id, itemName: z.string(), description: z.string(), initialBid: z.int(), reserve: z.int() },
    ...{ dateTime: time, expires: time, seller: id, category: id, extra: z.string() },
  }),
  key: (auction) => String(auction.id),
})

export const BidMade = event('nexmark.bid', {
  schema: z.object({
    ...{ auction: id, bidder: id, price: z.int(), channel: z.string(), url: z.string(), dateTime: time, extra: z.string() },
  }),
  key: ({ auction }) => String(auction),
})

/** What q13 looks up. */
export const SideInput = event('nexmark.side', {
  schema: z.object({ key: z.int(), value: z.string() }),
  key: ({ key }) => String(key),
})

/** A row that a query says. */
export const Answered = event('nexmark.answer', {
  schema: z.object({ row: z.array(z.union([z.string(), z.number()])) }),
  key: ({ row }) => String(row[0]),
})
