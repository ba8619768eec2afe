/** The schemas of AWS's airline sample. NOTE: EVENT_TYPE stands before EVENT_VALUE here and after it in the file. */
export const airlineSchemas = {
  Interactions: schema(
    'Interactions',
    text('ITEM_ID'),
    text('USER_ID'),
    { name: 'TIMESTAMP', type: 'long' },
    category('CABIN_TYPE'),
    text('EVENT_TYPE'),
    { name: 'EVENT_VALUE', type: 'float' },
  ),
  Items: schema(
    'Items',
    text('ITEM_ID'),
    category('DSTCity'),
    category('SRCCity'),
    category('Airline'),
    category('DurationDays'),
    category('Season'),
    { name: 'numberOfSearchByUser', type: 'long' },
    category('Promotion'),
    { name: 'DynamicPrice', type: 'long' },
    { name: 'DiscountForMember', type: 'float' },
    category('Expired'),
  ),
  Users: schema('Users', text('USER_ID'), category('memberClass')),
}

function schema(name: string, ...fields: object[]): string {
  return JSON.stringify({
    type: 'record',
    name,
    namespace: 'com.amazonaws.personalize.schema',
    fields,
    version: '1.0',
  })
}

function text(name: string) {
  return { name, type: 'string' }
}

function category(name: string) {
  return { name, type: 'string', categorical: true }
}
