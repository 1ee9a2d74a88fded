/** The model of contracts in Thrift: the IDL is printed from it, codecs are compiled from it. */
import type { AnyContract } from 'dure/contract'
import { identifiersFor, pascal } from 'dure/contract/internal'
import { contractModel } from './contract-model.ts'
import { RESERVED } from './names.ts'
import type { Enum, Model, Struct } from './types.ts'

/**
 * Reads contracts. Streams and channels, which Thrift has no words for, are left out. Types that are the same in several contracts are
 * one; those that only have the same name get that of their service in front.
 * @throws {TypeError} for a contract without numbers of its fields, or with some that Thrift cannot write
 */
export function modelOf(contracts: readonly AnyContract[]): Model {
  const serviceNames = identifiersFor(
    contracts.map(({ name }) => pascal(name)),
    RESERVED,
  )
  const all = { structs: new Map<string, Struct>(), enums: new Map<string, Enum>() }
  const services = contracts.map((contract) => {
    const name = serviceNames.get(pascal(contract.name))!
    const clashing = new Set<string>()
    for (;;) {
      const named = (type: string): string => (clashing.has(type) ? name + type : type)
      const model = contractModel(contract, { service: name, named, services: new Set(serviceNames.values()) })
      const clashes = [...clashesOf(all.structs, model.structs), ...clashesOf(all.enums, model.enums)]
      const before = clashing.size
      for (const type of clashes) clashing.add(type)
      if (clashing.size > before) continue
      if (clashes.length > 0)
        throw new TypeError(
          `Cannot name "${clashes[0]}" of contract "${contract.name}" in Thrift: another contract has it, unlike`,
        )
      for (const [type, own] of model.structs) all.structs.set(type, own)
      for (const [type, own] of model.enums) all.enums.set(type, own)
      return model.service
    }
  })
  return { services, ...all }
}

function clashesOf<T>(there: ReadonlyMap<string, T>, own: ReadonlyMap<string, T>): string[] {
  return [...own].flatMap(([name, one]) => {
    const other = there.get(name)
    return other === undefined || JSON.stringify(other) === JSON.stringify(one) ? [] : [name]
  })
}
