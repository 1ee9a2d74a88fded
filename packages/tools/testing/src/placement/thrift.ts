import { thrift } from '@dure/thrift'
import { comesBack, thriftPeers } from '@dure/thrift/internal'
import type { AnyOperation } from 'dure/contract'
import { drawNumbers } from 'dure/contract/internal'
import type { Placement } from './copies.ts'
import { fits, throughDoor } from './door.ts'

const LARGE = 64 * 1_048_576

/**
 * The caller reaches commands and queries through a door of Thrift. Inputs that Thrift cannot say (half of a character, keys that the
 * contract does not name) are not compared. Contracts without numbers of their fields get some for the occasion.
 */
export const overThrift: Placement = throughDoor({
  name: 'over Thrift',
  carries: ({ kind }) => kind === 'command' || kind === 'query',
  prepared: (contract) => ({ ...contract, numbers: drawNumbers(contract) }),
  door: (contracts) =>
    thrift({ port: 0, contracts, limits: { deadline: 86_400_000, message: LARGE, answer: LARGE, requests: 10_000 } }),
  peers: (options) =>
    thriftPeers({ ...options, multiplexed: true, protocol: 'compact', limits: { message: LARGE, answer: LARGE } }),
  isSaid: (contract, name) => {
    const isInput = fits((contract.operations as Readonly<Record<string, AnyOperation>>)[name]!)
    const isUnchanged = comesBack(contract, name)
    return (input) => isInput(input) && isUnchanged(input)
  },
})
