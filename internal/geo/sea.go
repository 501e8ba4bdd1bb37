package geo

// An atlas knows the land it covers, not the sea beyond. These rings (kilometres of
// Lambert-93) lie a few kilometres inland of the coast, under the land that is drawn over
// them, so that the coast seen is always the territory's own outline. Hand-made, good to
// some five kilometres where no land is drawn.
var (
	mediterranean = [][2]float64{{712, 6040}, {719, 6085}, {718, 6118}, {713, 6140}, {708, 6149}, {699, 6155}, {696, 6168}, {698, 6205}, {706, 6232}, {735, 6258},
		{755, 6270}, {780, 6290}, {800, 6284}, {813, 6262}, {830, 6259}, {850, 6260}, {868, 6262}, {884, 6256}, {894, 6246}, {912, 6238},
		{938, 6226}, {958, 6222}, {990, 6246}, {1027, 6277}, {1044, 6297}, {1063, 6306}, {1100, 6320}, {1300, 6340},
		{1300, 5900}, {712, 5900}}
	atlantic = [][2]float64{{322, 6258}, {345, 6280}, {382, 6400}, {392, 6500}, {396, 6560}, {350, 6610}, {325, 6690}, {260, 6748},
		{175, 6788}, {158, 6820}, {170, 6850}, {200, 6852}, {265, 6852}, {331, 6836}, {372, 6830}, {366, 6930}, {385, 6945},
		{398, 6912}, {455, 6900}, {500, 6922}, {565, 6972}, {608, 7012}, {613, 7065}, {632, 7086}, {660, 7098}, {690, 7118},
		{690, 7400}, {-300, 7400}, {-300, 6300}, {200, 6275}, {300, 6262}}
	// The gulf of the fictional territory of the demo.
	gulf = [][2]float64{{705, 6180}, {712, 6216}, {722, 6230}, {734, 6242}, {746, 6250}, {758, 6252}, {766, 6258}, {776, 6266},
		{788, 6271}, {797, 6271}, {806, 6267}, {814, 6270}, {820, 6272}, {836, 6280}, {900, 6300}, {900, 6150}, {705, 6150}}
)

// Seas returns rough outlines of the seas around metropolitan France, in kilometres of
// Lambert-93 and not closed, to be drawn under the land; the gulf of the demo's invented
// territory when invented. They are for pictures only: nothing is decided from them.
func Seas(invented bool) [][][2]float64 {
	if invented {
		return [][][2]float64{gulf}
	}
	return [][][2]float64{mediterranean, atlantic}
}
