import type { AnyContract } from './contract.ts'
export function checkContract(contract: AnyContract): void {
  void contract
}
