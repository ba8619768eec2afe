/**
 * The words of the demo's invented shop: ten departments with what they
 * sell and a typical price in euro.
 */
export const departments: { name: string; price: number; things: string[] }[] = [
  {
    name: 'Outdoor',
    price: 90,
    things: [
      'Tent',
      'Backpack',
      'Sleeping Bag',
      'Rain Jacket',
      'Hiking Boots',
      'Headlamp',
      'Camp Stove',
    ],
  },
  {
    name: 'Kitchen',
    price: 45,
    things: [
      'Frying Pan',
      'Chef Knife',
      'Kettle',
      'Stand Mixer',
      'Coffee Grinder',
      'Casserole',
      'Toaster',
    ],
  },
  {
    name: 'Garden',
    price: 35,
    things: [
      'Rake',
      'Watering Can',
      'Rose Shears',
      'Planter',
      'Lawn Mower',
      'Hammock',
      'Bird Feeder',
    ],
  },
  {
    name: 'Books',
    price: 18,
    things: [
      'Novel',
      'Cookbook',
      'Atlas',
      'Crime Story',
      'Biography',
      'Picture Book',
      'Travel Guide',
    ],
  },
  {
    name: 'Electronics',
    price: 180,
    things: ['Headphones', 'Camera', 'Tablet', 'Loudspeaker', 'Monitor', 'Keyboard', 'Smart Watch'],
  },
  {
    name: 'Toys',
    price: 25,
    things: [
      'Puzzle',
      'Train Set',
      'Teddy Bear',
      'Board Game',
      'Kite',
      'Building Blocks',
      'Doll House',
    ],
  },
  {
    name: 'Sports',
    price: 60,
    things: [
      'Running Shoes',
      'Tennis Racket',
      'Yoga Mat',
      'Football',
      'Bike Helmet',
      'Dumbbells',
      'Swimsuit',
    ],
  },
  {
    name: 'Fashion',
    price: 55,
    things: [
      'Wool Sweater',
      'Jeans',
      'Summer Dress',
      'Leather Belt',
      'Scarf',
      'Shirt',
      'Winter Coat',
    ],
  },
  {
    name: 'Music',
    price: 120,
    things: [
      'Guitar',
      'Ukulele',
      'Drum Pad',
      'Record Player',
      'Harmonica',
      'Stage Piano',
      'Microphone',
    ],
  },
  {
    name: 'Pets',
    price: 20,
    things: ['Dog Bed', 'Cat Tree', 'Leash', 'Aquarium', 'Chew Toy', 'Food Bowl', 'Bird Cage'],
  },
]

export const brands = [
  'Alderwood',
  'Brightwell',
  'Corvina',
  'Dunmoor',
  'Eastgate',
  'Fernhollow',
  'Greycliff',
  'Harrowby',
  'Ivyline',
  'Juniper Lane',
  'Kestrelworks',
  'Larkfield',
  'Moorhen',
  'Nettlebrook',
  'Oakhurst',
]

export const qualities = [
  'Classic',
  'Compact',
  'Everyday',
  'Family',
  'Light',
  'Little',
  'Original',
  'Premium',
  'Sunday',
  'Weekend',
]

/** Countries with their share of the users in percent. */
export const countries: [string, number][] = [
  ['Germany', 26],
  ['France', 18],
  ['United Kingdom', 16],
  ['Spain', 12],
  ['Italy', 11],
  ['Poland', 8],
  ['Netherlands', 6],
  ['Sweden', 3],
]
