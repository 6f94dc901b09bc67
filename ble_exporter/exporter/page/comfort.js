// Computes the dew point, and tells how the air of a room feels.

// The limits of humidity are rounded from EN 16798-1: 30 % is the lower limit of its category I, 60 % the upper one of
// category II, and 12 g of water per kg of air are a dew point of 16.8 °C. docs/http.md and the page's foot state them.
const DRY_PERCENT = 30;
const HUMID_PERCENT = 60;
const HUMID_DEW_POINT = 16;
const ROOM = { low: 18, high: 27 };
// Below this temperature, the sensor is probably outdoors or in a fridge, where "dry" and "humid" help nobody.
const LEAST_TEMPERATURE = 10;

// Magnus's formula over water with the constants of Sonntag (1990): within 0.1 °C from -45 to 60 °C.
const A = 17.62;
const B = 243.12;

// Returns the dew point in °C; null if there is none: at 0 %, or for impossible values.
export function dewPoint(temperature, humidity) {
  if (!(humidity > 0 && humidity <= 100 && temperature > -60 && temperature < 100)) return null;
  const exponent = Math.log(humidity / 100) + (A * temperature) / (B + temperature);
  return (B * exponent) / (A - exponent);
}

// Returns "dry", "comfortable" or "humid"; empty if no word fits, as for a fridge.
export function comfort(temperature, humidity) {
  const dew = dewPoint(temperature, humidity);
  if (dew === null || temperature < LEAST_TEMPERATURE) return "";
  if (humidity > HUMID_PERCENT || dew > HUMID_DEW_POINT) return "humid";
  if (humidity < DRY_PERCENT) return "dry";
  return temperature >= ROOM.low && temperature <= ROOM.high ? "comfortable" : "";
}
