/** Whole cents of an amount: exact where the amount has two decimals. */
export const toCents = (money: number): number => Math.round(money * 100)

export const toMoney = (cents: number): number => cents / 100
