export const productKeyOf = ({ sellerId, productId }: { readonly sellerId: number; readonly productId: number }): string =>
  `${sellerId}/${productId}`

export const orderKeyOf = ({ customerId, orderId }: { readonly customerId: number; readonly orderId: number }): string =>
  `${customerId}/${orderId}`
